"""The base models of a profile that builds its own: a vision encoder and a multilingual decoder, with a model card each."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from centurio_lib import provenance
from centurio_lib.data import artwork, concepts, corpus
from centurio_lib.data.sources import udhr
from centurio_lib.languages import language
from centurio_lib.model import decoder, encoder
from centurio_lib.params import DecoderSize, EncoderSize

SEED = 0
MIN_USES = 3  # keywords that go with fewer concepts teach nothing


def artwork_table(limit: int | None = None) -> pd.DataFrame:
    """Every usable drawing with its English name's class and its English keywords: concept, kind, style, svg, name, keywords."""
    texts, drawn = concepts.texts(), concepts.drawings()
    usable = [c for codes in concepts.usable(texts, drawn).values() for c in codes[:limit]]
    english = texts[texts.language == "en"].set_index("concept")
    rows = drawn[drawn.concept.isin(usable)].reset_index(drop=True)
    words = {c: [*english.keywords[c], english.kind[c]] for c in usable}
    return rows.assign(name=rows.concept.map({c: i for i, c in enumerate(usable)}), keywords=rows.concept.map(words))


def keyword_matrix(table: pd.DataFrame) -> np.ndarray:
    """Which English keyword goes with which drawing: (drawings, keywords) of 0/1."""
    uses = Counter(word for words in table.drop_duplicates("concept").keywords for word in words)
    column = {word: i for i, word in enumerate(sorted(w for w, n in uses.items() if n >= MIN_USES))}
    matrix = np.zeros((len(table), max(1, len(column))), np.float32)
    for row, words in enumerate(table.keywords):
        matrix[row, [column[w] for w in words if w in column]] = 1
    return matrix


def model_key(part: str, resolved: dict, data: pd.DataFrame) -> str:
    """What a base model follows from: its params, its training data and the code that trains it (`encoder`, `decoder`)."""
    modules = {name: provenance.module_digest(name) for name in sorted(provenance.module_closure(f"centurio_lib.model.{part}"))}
    return provenance.digest({"params": resolved, "modules": modules, "data": provenance.sha256(data.to_json())})


def build_encoder(size: EncoderSize, pixels: int, table: pd.DataFrame, folder: Path, say=print) -> pd.DataFrame:
    """Train and write the vision encoder; returns the probe accuracy of each kind and style (columns kind, style, accuracy)."""
    key = model_key("encoder", size.model_dump() | {"pixels": pixels}, table)
    rendered, names = [artwork.render(svg) for svg in table.svg], table.name.to_numpy()
    model, heads = encoder.new(size, pixels, int(names.max()) + 1, keyword_matrix(table).shape[1], SEED)
    loss = encoder.train(model, heads, rendered, names, keyword_matrix(table), size, SEED, folder, key, say)
    random = np.random.default_rng(SEED)
    encoder.unit_scale(model, encoder.pixels_of([artwork.place(d, random, pixels) for d in rendered[:256]]))
    groups = [(kind, style, group.index) for (kind, style), group in table.groupby(["kind", "style"])]
    probe = pd.DataFrame([{"kind": kind, "style": style, "accuracy": 100 * encoder.accuracy(
        model, heads, [rendered[i] for i in rows], names[rows], SEED + 1)} for kind, style, rows in groups])
    model.half().save_pretrained(folder)
    write_card(folder, "Vision encoder", f"SigLIP's architecture, {model.num_parameters() / 1e6:.1f} M parameters, {pixels} pixels, "
               f"patch {size.patch}. Pre-trained on {len(table)} drawings of {names.max() + 1} things in all styles, the held-out "
               f"one included, with English names and keywords only. {size.steps} steps of {size.batch} images; "
               f"last loss {loss:.3f}.\n\nShare of freshly placed drawings whose English name is ranked first (%):",
               probe.round(1), key)
    return probe


def build_decoder(size: DecoderSize, texts: pd.DataFrame, folder: Path, say=print) -> pd.DataFrame:
    """Train and write tokenizer and decoder; returns the perplexity a byte of each language (columns language, names, declaration)."""
    key = model_key("decoder", size.model_dump(), texts)
    draw = corpus.Draw(corpus.Lexicon(texts), udhr.paragraphs(), SEED)
    random = np.random.default_rng(SEED)
    # names weigh more than prose: they are what the study asks for
    words = [name for name in texts.name for _ in range(10)]
    tokenizer = decoder.train_tokenizer([draw(random) for _ in range(4 * size.vocabulary)] + words, size.vocabulary)
    model = decoder.new(tokenizer, size, SEED)
    loss = decoder.train(model, tokenizer, draw, size, folder, key, say)
    table = language_perplexity(model, tokenizer, draw)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_card(folder, "Language model", f"Phi-3's architecture, {model.num_parameters() / 1e6:.1f} M parameters, byte-level BPE of "
               f"{len(tokenizer)} tokens. Trained as a plain language model on names, keywords, declarations and short exchanges in "
               f"{texts.language.nunique()} languages: {size.steps * size.batch * size.length / 1e6:.1f} M tokens; last loss "
               f"{loss:.3f} nats a token.\n\nPerplexity a byte: names after the English name, and the declaration's first article:",
               table.round(2), key)
    return table


def language_perplexity(model, tokenizer, draw: corpus.Draw, per_language: int = 20) -> pd.DataFrame:
    """Perplexity a byte by language: of names given the English name, and of a paragraph of the declaration."""
    rows, lexicon = [], draw.lexicon
    for code in sorted({*lexicon.of_language, *draw.declarations}):
        pairs = [(f"{lexicon.names[c]['en']}\n{language(code).name}:", lexicon.names[c][code])
                 for c in lexicon.of_language.get(code, [])[:per_language]]
        prose = [(f"{language(code).name}:", text[:200]) for text in draw.declarations.get(code, [])[7:8]]
        rows.append({"language": code, "names": _per_byte(model, tokenizer, pairs), "declaration": _per_byte(model, tokenizer, prose)})
    return pd.DataFrame(rows)


def _per_byte(model, tokenizer, pairs: list[tuple[str, str]]) -> float:
    if not pairs:
        return float("nan")
    loss, size = np.sum([decoder.perplexity(model, tokenizer, *pair) for pair in pairs], axis=0)
    return float(np.exp(loss / size))


def remove_checkpoints(*folders: Path) -> None:
    """Remove what the trainings of finished models could have gone on from. Not before all are finished: one takes long."""
    for file in [file for folder in folders for file in Path(folder).glob("checkpoint-*")]:
        file.unlink()


def write_card(folder: Path, title: str, about: str, table: pd.DataFrame, key: str) -> None:
    """README.md of a model: what it is, what was measured, how it was made."""
    header, rule = " | ".join(table.columns), " | ".join("---" for _ in table.columns)
    rows = [" | ".join("" if pd.isna(v) else str(v) for v in row) for row in table.itertuples(index=False)]
    lines = "\n".join(f"| {line} |" for line in [header, rule, *rows])
    sources = ("Sources: drawings of Noto (Apache-2.0), Twemoji (CC-BY-4.0), Fluent Emoji (MIT), OpenMoji (CC-BY-SA-4.0), flag-icons and "
               "circle-flags (MIT); texts of Unicode CLDR (Unicode-3.0) and the package udhr (MIT).")
    made = f"Made by notebook 07_base_models (`make base`), torch {torch.__version__}, key {key[:12]}."
    with provenance.atomic(Path(folder) / "README.md") as temporary:
        temporary.write_text(f"# {title}\n\n{about}\n\n{lines}\n\n{sources}\n\n{made}\n", encoding="utf-8")
