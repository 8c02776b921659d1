"""Build the base models of a profile, a vision encoder and a multilingual decoder, and write their cards."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from centurio_lib import code_digest, storage
from centurio_lib.base_models import corpus, own_decoder, own_encoder, reading_lessons
from centurio_lib.data import artwork, concepts
from centurio_lib.data.sources import registry
from centurio_lib.data.sources import texts as running_text
from centurio_lib.languages import language
from centurio_lib.model import distributed, precision
from centurio_lib.params import Base
from centurio_lib.params.base_models import ReadingLesson

SEED = 0
MIN_USES = 3  # keywords of fewer concepts teach nothing


def artwork_table(limit: int | None = None) -> pd.DataFrame:
    """All usable drawings, one a row: concept, kind, style, svg, name (class of the English name), keywords."""
    texts, drawn = concepts.texts(), concepts.drawings()
    usable = [c for codes in concepts.usable(texts, drawn).values() for c in codes[:limit]]
    english = texts[texts.language == "en"].set_index("concept")
    rows = drawn[drawn.concept.isin(usable)].reset_index(drop=True)
    words = {c: [*english.keywords[c], english.kind[c]] for c in usable}
    return rows.assign(name=rows.concept.map({c: i for i, c in enumerate(usable)}), keywords=rows.concept.map(words))


def keyword_matrix(table: pd.DataFrame) -> np.ndarray:
    """Matrix of drawings and their English keywords: (drawings, keywords) of 0/1."""
    uses = Counter(word for words in table.drop_duplicates("concept").keywords for word in words)
    column = {word: i for i, word in enumerate(sorted(w for w, n in uses.items() if n >= MIN_USES))}
    matrix = np.zeros((len(table), max(1, len(column))), np.float32)
    for row, words in enumerate(table.keywords):
        matrix[row, [column[w] for w in words if w in column]] = 1
    return matrix


def drawings(table: pd.DataFrame) -> own_encoder.Drawings:
    """The drawings of a table of artwork, rendered."""
    pictures = [artwork.render(svg) for svg in table.svg]
    return own_encoder.Drawings(pictures, table.name.to_numpy(), keyword_matrix(table))


def model_key(part: str, resolved: dict, data: pd.DataFrame) -> str:
    """Key of a base model (`encoder`, `decoder`): digest of its params, training data and training code."""
    modules = {name: code_digest.module_digest(name)
               for name in sorted(code_digest.closure({f"centurio_lib.base_models.{part}"}))}
    return storage.digest({"params": resolved, "modules": modules, "data": storage.sha256(data.to_json())})


def build_encoder(config: Base, table: pd.DataFrame, folder: Path, say=print) -> pd.DataFrame:
    """Train and write the vision encoder. Returns its probe (columns kind, style, accuracy in %).

    The encoder learns drawings first. Where the profile says so, it then learns to read English: rows of kind "letter"
    and "letter of a plot" give the share of letters read right.
    """
    size = config.encoder
    key = model_key("own_encoder", size.model_dump() | {"pixels": config.image_size}, table)
    drawn = drawings(table)
    model, heads = own_encoder.new(size, config.image_size, int(table.name.max()) + 1, drawn.keywords.shape[1], SEED)
    device = distributed.device(precision.name(config.dtype))
    model, heads = model.to(device), heads.to(device)
    loss = own_encoder.train(model, heads, drawn, size, SEED, folder, key, say)
    model, letters, about = lettered(config, model, heads, drawn, folder, key, say)
    random = np.random.default_rng(SEED)
    placed = [artwork.place(picture, random, config.image_size) for picture in drawn.pictures[:256]]
    own_encoder.unit_scale(model, own_encoder.pixels_of(placed))
    probe = pd.concat([named(model, heads, table, drawn, config.image_size), letters], ignore_index=True)
    model.half().save_pretrained(folder)
    write_card(folder, "Vision encoder",
               f"SigLIP's architecture, {model.num_parameters() / 1e6:.1f} M parameters, {config.image_size} pixels, "
               f"patch {size.patch_size}. Pre-trained on {len(table)} drawings of {table.name.max() + 1} things in all "
               f"styles, the held-out one included, with English names and keywords only. {size.steps} steps of "
               f"{size.batch_size} images; last loss {loss:.3f}.{about}\n\nShare of freshly placed drawings whose "
               "English name is ranked first, and of letters told in their places on fresh sheets (%):",
               probe.round(1), key, "things", *(["fonts"] if config.reading_lessons else []))
    return probe


def named(model, heads, table: pd.DataFrame, drawn: own_encoder.Drawings, side: int) -> pd.DataFrame:
    """Share (%) of freshly placed drawings of each kind and style whose English name is ranked first."""
    rows = []
    for (kind, style), group in table.groupby(["kind", "style"]):
        share = own_encoder.accuracy(model, heads, drawn.of(group.index), side, SEED + 1)
        rows.append({"kind": kind, "style": style, "accuracy": 100 * share})
    return pd.DataFrame(rows)


def lettered(config: Base, model, heads, drawn: own_encoder.Drawings, folder: Path, key: str, say) -> tuple:
    """Teach the encoder to read, in the rounds that the profile lists.

    Returns the encoder (its image size is now that of text), a row of the probe for each round, and sentences for the
    card.
    """
    if not config.reading_lessons:
        return model, pd.DataFrame(), ""
    model, rows, about = own_encoder.resized(model, config.text_image_size), [], ""
    head = reading_lessons.letter_head(model.config.hidden_size, SEED).to(model.device)
    networks = reading_lessons.Networks(model, heads, head)
    code = model_key("reading_lessons", {}, pd.DataFrame())
    for n, lesson in enumerate(config.reading_lessons):
        key = storage.digest({"before": key, "reading": lesson.model_dump(), "pixels": config.text_image_size,
                              "modules": code})
        read, known, right = reading_lessons.teach(networks, drawn, lesson, config.image_size, SEED + n, folder, key,
                                                   say)
        rows += [{"kind": kind, "style": f"round {n + 1}", "accuracy": 100 * share} for kind, share in right.items()]
        about += f" {lesson_sentence(lesson, config.text_image_size)}: last losses {known:.3f} and {read:.3f}."
    return model, pd.DataFrame(rows), about


def lesson_sentence(lesson: ReadingLesson, pixels: int) -> str:
    """Say for the card what a round of reading consisted of."""
    plots = f"; {lesson.plot_share:.0%} of them plots" if lesson.plot_share else ""
    return (f"Then {lesson.steps} steps of {lesson.batch_size} such drawings and as many sheets of English lettering, "
            f"{pixels} pixels, {lesson.min_font_px:g} pixels an em or up to a quarter more, "
            f"{lesson.paper_share:.0%} on {'worn ' if lesson.worn else ''}paper{plots}")


def build_decoder(config: Base, texts: pd.DataFrame, folder: Path, say=print) -> pd.DataFrame:
    """Train and write tokenizer and decoder. Returns perplexity a byte (columns language, names, declaration)."""
    size = config.decoder
    key = model_key("own_decoder", size.model_dump(), texts)
    draw = corpus.Draw(corpus.Lexicon(texts), running_text.by_language(), SEED)
    random = np.random.default_rng(SEED)
    # names weigh more than prose, since the study's answers are names
    words = [name for name in texts.name for _ in range(10)]
    tokenizer = own_decoder.train_tokenizer([draw(random) for _ in range(4 * size.vocab_size)] + words, size.vocab_size)
    model = own_decoder.new(tokenizer, size, SEED)
    loss = own_decoder.train(model, tokenizer, draw, size, folder, key, say)
    about = spelled(config, model, tokenizer, draw, folder, key, say)
    table = language_perplexity(model, tokenizer, draw)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tokens = size.steps * size.batch_size * size.max_seq_len / 1e6
    write_card(folder, "Language model",
               f"Phi-3's architecture, {model.num_parameters() / 1e6:.1f} M parameters, byte-level BPE of "
               f"{len(tokenizer)} tokens. Trained as a plain language model on names, keywords, declarations and short "
               f"exchanges in {texts.language.nunique()} languages: "
               f"{tokens:.1f} M tokens; last loss {loss:.3f} nats a token.{about}"
               "\n\nPerplexity a byte: names after the English name, and the declaration's first article:",
               table.round(2), key, "things", "running text")
    return table


def spelled(config: Base, model, tokenizer, draw: corpus.Draw, folder: Path, key: str, say) -> str:
    """Teach the decoder to spell, where the profile says so. Returns a sentence for the card."""
    wanted = config.spelling_lessons
    if wanted is None:
        return ""
    part = storage.digest({"decoder": key, "spelling": wanted.model_dump()})
    old, new = own_decoder.teach_spelling(model, tokenizer, draw, config.decoder, wanted, folder, part, say)
    return (f" Then {wanted.steps} steps of as many tokens, half of them words of names, and strings, letter by letter "
            f"among fillers (base_models/spelling_lessons.py): last losses {old:.3f} and {new:.3f}.")


def language_perplexity(model, tokenizer, draw: corpus.Draw, per_language: int = 20) -> pd.DataFrame:
    """Perplexity a byte in each language, for names after the English name and for a declaration paragraph."""
    rows, lexicon = [], draw.lexicon
    for code in sorted({*lexicon.of_language, *draw.declarations}):
        pairs = [(f"{lexicon.names[c]['en']}\n{language(code).name}:", lexicon.names[c][code])
                 for c in lexicon.of_language.get(code, [])[:per_language]]
        prose = [(f"{language(code).name}:", text[:200]) for text in draw.declarations.get(code, [])[7:8]]
        rows.append({"language": code, "names": _per_byte(model, tokenizer, pairs),
                     "declaration": _per_byte(model, tokenizer, prose)})
    return pd.DataFrame(rows)


def _per_byte(model, tokenizer, pairs: list[tuple[str, str]]) -> float:
    if not pairs:
        return float("nan")
    loss, size = np.sum([own_decoder.perplexity(model, tokenizer, *pair) for pair in pairs], axis=0)
    return float(np.exp(loss / size))


def remove_checkpoints(*folders: Path) -> None:
    """Remove the checkpoints of base models once all of these are finished, since each training is long."""
    for file in [file for folder in folders for file in Path(folder).glob("checkpoint-*")]:
        file.unlink()


def write_card(folder: Path, title: str, about: str, table: pd.DataFrame, key: str, *kinds: str) -> None:
    """Write README.md of a model: purpose, measurements, kinds of sources and key."""
    header, rule = " | ".join(table.columns), " | ".join("---" for _ in table.columns)
    rows = [" | ".join("" if pd.isna(v) else str(v) for v in row) for row in table.itertuples(index=False)]
    lines = "\n".join(f"| {line} |" for line in [header, rule, *rows])
    licences = registry.licences(*kinds, packaged=True).items()
    credits = f"Sources: {'; '.join(f'{name}: {licence}' for name, licence in licences)}"
    made = f"Made by notebook 07_base_models (`make base`), torch {torch.__version__}, key {key[:12]}."
    with storage.atomic(Path(folder) / "README.md") as temporary:
        temporary.write_text(f"# {title}\n\n{about}\n\n{lines}\n\n{credits}.\n\n{made}\n", encoding="utf-8")
