"""Contents of notebook 00 that need a tokenizer, pictures or a trained model: label masks, items, answers."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from html import escape

import pandas as pd

from centurio_lib import params, tables
from centurio_lib.data import mix, pictures, prompts
from centurio_lib.model import components, conversation, generate
from centurio_lib.study import evaluating, explore, keys, loading, runs, stages

LEARNED, GIVEN = "background:#f6c667;color:#000", "background:#e8e8e8;color:#000"  # tokens of the label mask, others
MAX_NEW_TOKENS = 40
Sample = tuple[str, list[str], list[dict]]  # name, images, turns


class Html(str):
    """A text that a notebook shows as HTML."""

    def _repr_html_(self) -> str:
        return self


# === learned tokens ===
def training_samples(profile: str, setup: str, codes: list[str], seed: int = 0) -> list[Sample]:
    """One sample of a setup's instruct mix in each of some languages. Raises NotThere without the tables."""
    config, chosen = params.profile(profile), params.setup(setup)
    if config.data.sources:
        raise explore.NotThere(f"Profile {profile} takes its samples from data sets of the hub: see notebook 04.")
    path = explore.finished("instructions", profile) / "instructions.parquet"
    light = tables.read(path, "instructions", ["sample_id", "language", "text_heavy"])
    taken = mix.of_setup(light, config, chosen, "instruct", seed)
    first = in_order(taken, codes)
    rows = tables.read(path, "instructions", ["sample_id", "images", "language", "turns"],
                       sample_id=first.sample_id.tolist())
    rows = in_order(rows.merge(first[["sample_id", "language"]]), codes)
    return [(f"{row.language}: {row.sample_id}", list(row.images), list(row.turns)) for row in rows.itertuples()]


def test_samples(profile: str, setup: str, codes: list[str], seed: int = 0) -> list[Sample]:
    """Test captions in some languages in the form of training samples, from runs or committed answers."""
    found = explore.answers(profile, [setup], seed)
    captions = in_order(found[found.task == "captioning"], codes)
    return [(f"{row.language}: {row.item_id}", ["image"],
             [{"role": "user", "text": prompts.describe(row.language)},
              {"role": "assistant", "text": row.reference.splitlines()[0]}]) for row in captions.itertuples()]


def in_order(rows: pd.DataFrame, codes: list[str]) -> pd.DataFrame:
    """The first row of each of some languages, in the order of the languages."""
    first = rows.drop_duplicates("language").set_index("language", drop=False)
    return first.loc[[code for code in codes if code in first.index]].reset_index(drop=True)


def labels(profile: str, samples: Iterable[Sample]) -> Html:
    """Show samples as tokens in the chat template of a profile; tokens of the label mask are coloured.

    An image is one token here. Raises hub.HubError for a tokenizer that is out of reach.
    """
    tokenizer = components.load_tokenizer(params.profile(profile).base)
    coded = conversation.tokenize(tokenizer, list(samples), lambda images: [1] * len(images))
    blocks = [f'<p dir="auto" style="line-height:1.9;margin:0.6em 0"><small>{escape(sample.sample_id)}</small><br>'
              f"{''.join(_marked(tokenizer, sample))}</p>" for sample in coded]
    return Html("".join(blocks))


def _marked(tokenizer, sample: conversation.Conversation) -> Iterable[str]:
    """Each token as a coloured span. Tokens that make one character together are shown together."""
    pending: list[int] = []
    for token, learned in zip(sample.ids.tolist(), sample.label_mask.tolist(), strict=True):
        pending.append(token)
        text = tokenizer.decode(pending)
        if "\ufffd" not in text:
            shown = escape(text).replace("\n", "⏎").replace(" ", "&nbsp;")
            yield (f'<span style="{LEARNED if learned else GIVEN};border-radius:3px;padding:1px 0;'
                   f'margin-right:1px;white-space:pre-wrap">{shown}</span><wbr>')
            pending = []


# === pictures ===
def things(profile: str, codes: list[str], per_kind: int = 4) -> Html:
    """Show drawings of a few concepts of each kind with their names. Raises NotThere without the tables."""
    folder = explore.finished("captions", profile)
    names = pictures.texts_of(folder).pivot(index="concept", columns="language", values="name")
    images = tables.read(folder / "images.parquet", "images", variant=0).groupby(["kind", "concept"]).first()
    chosen = images.groupby("kind", sort=False).head(per_kind).reset_index("kind")
    table = names.reindex(columns=list(dict.fromkeys(codes))).loc[chosen.index].fillna("").map(escape)
    table.insert(0, "picture", chosen.image.map(picture))
    return Html(table.to_html(escape=False, index=False))


def picture(png: bytes, width: int = 48) -> str:
    """An image as an HTML element that holds its bytes."""
    return f'<img src="data:image/png;base64,{b64encode(png).decode()}" width="{width}">'


def with_questions(profile: str, setup: str, seed: int, table: pd.DataFrame) -> Html:
    """Show a table by item id, with the stored questions and, once the tables are built, the pictures."""
    shown, note = table.map(lambda value: escape(value) if isinstance(value, str) else value), ""
    try:
        items = explore.items(profile, setup, seed).reindex(table.index)
        shown.insert(0, ("item", "question"), items.prompt.map(escape))
        shown.insert(0, ("item", "pictures"), items.images.map(pictures_of(profile, items.images)))
    except explore.NotThere as missing:
        note = f"<p>Without pictures. {_with_code(str(missing))}</p>"
    return Html(note + shown.to_html(escape=False, index=False, na_rep="", float_format="{:.0f}".format))


def _with_code(sentence: str) -> str:
    """A sentence as HTML; what stands in backticks is set as code."""
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(sentence))


def pictures_of(profile: str, image_ids: Iterable[list[str]]) -> Callable[[list[str]], str]:
    """Return a function from image ids to HTML elements. Raises NotThere without the tables."""
    wanted = sorted({image_id for ids in image_ids for image_id in ids})
    path = explore.finished("captions", profile) / "images.parquet"
    images = tables.read(path, "images", ["image_id", "image"], image_id=wanted)
    drawn = images.set_index("image_id").image.map(picture)
    return lambda ids: " ".join(drawn[image_id] for image_id in ids)


# === a question of one's own ===
def ask(profile: str, setup: str, seed: int, question: str, codes: list[str]) -> Html:
    """Show answers of a trained model about one picture: to a question, and to prompts in some languages.

    Raises NotThere for an untrained setup.
    """
    try:
        run = runs.ready(stages.of("evaluate").notebook, profile, setup, seed)
    except keys.KeyMismatch as mismatch:
        raise explore.NotThere(f"`make study PROFILE={profile} SETUPS={setup}` trains a model to ask.") from mismatch
    model, tokenizer = loading.base(run)
    model = evaluating.tuned(run, model)
    images = tables.read(run.inputs["captions"] / "images.parquet", "images", split=explore.DRAWN)
    image = images.iloc[0]
    features = loading.features_of(run, model, pd.DataFrame({"images": [[image.image_id]]}))
    asked = list(dict.fromkeys([question, *map(prompts.name, codes), *map(prompts.describe, codes)]))
    tokens = [conversation.prompt(tokenizer, text, features.tokens([image.image_id])) for text in asked]
    answers = generate.answers(model, tokenizer, tokens, [[image.image_id]] * len(asked), features,
                               [MAX_NEW_TOKENS] * len(asked), batch=8)
    table = pd.DataFrame({"question": asked, "answer": answers})
    return Html(picture(image.image, 96) + table.to_html(index=False))
