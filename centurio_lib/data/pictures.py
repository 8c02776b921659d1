"""The tables of notebook 02: texts, images and captions of a profile's concepts."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

import pandas as pd
from PIL import Image

from centurio_lib import tables
from centurio_lib.data import artwork, concepts, prompts, splits
from centurio_lib.params import Data

KEYWORDS = 3  # of a dense caption


def chosen_texts(data: Data, drawings: pd.DataFrame) -> pd.DataFrame:
    """The `texts` table of the profile's concepts, in the order in which they were chosen."""
    texts = concepts.texts()
    order = {c: i for i, c in enumerate(concepts.chosen(texts, drawings, data.concepts))}
    named = texts[texts.concept.isin(order)]
    return named.sort_values("concept", key=lambda column: column.map(order), kind="stable").reset_index(drop=True)


def images(texts: pd.DataFrame, drawings: pd.DataFrame, data: Data, pixels: int) -> pd.DataFrame:
    """The `images` table: each drawing of each concept in several placements, every one drawn from its own seed."""
    of_concepts = drawings[drawings.concept.isin(set(texts.concept))]
    return pd.DataFrame([row for drawing in of_concepts.itertuples()
                         for row in with_images(drawing.svg, placements(drawing, data), data, pixels)])


def placements(drawing, data: Data) -> list[dict]:
    """Rows of the `images` table of a drawing (concept, kind, style), without the images."""
    splits_of = [(variant, splits.image_split(drawing.style, variant, data))
                 for variant in range(data.variants + data.test_variants)]
    return [{"image_id": f"{drawing.kind}/{drawing.concept}/{drawing.style}/{variant}", "concept": drawing.concept,
             "kind": drawing.kind, "style": drawing.style, "variant": variant, "split": split}
            for variant, split in splits_of if split]


def with_images(svg: str, rows: list[dict], data: Data, pixels: int) -> list[dict]:
    """Some placements of one drawing with their images; it is rendered once."""
    rendered = artwork.render(svg)
    return [row | {"image": placed(rendered, row["image_id"], data, pixels)} for row in rows]


def placed(rendered: Image.Image, image_id: str, data: Data, pixels: int) -> bytes:
    """A rendered drawing in the placement of its image, as PNG."""
    return artwork.to_bytes(artwork.place(rendered, artwork.random_for(data.seed, image_id), pixels))


def drawn_again(image_ids: Collection[str], data: Data, pixels: int) -> dict[str, bytes]:
    """Draw some images again, the same to the bit, where the fetched archives hold their drawings."""
    wanted, images_drawn = set(image_ids), {}
    for drawing in concepts.drawings().itertuples():
        if rows := [row for row in placements(drawing, data) if row["image_id"] in wanted]:
            drawn = with_images(drawing.svg, rows, data, pixels)
            images_drawn |= {row["image_id"]: row["image"] for row in drawn}
    return images_drawn


def captions(texts: pd.DataFrame, images: pd.DataFrame, pairs: splits.Pairs) -> pd.DataFrame:
    """The `captions` table: each training image in each language, short (the name) and dense (name and keywords)."""
    allowed = texts[[(c, code) not in pairs for c, code in zip(texts.concept, texts.language, strict=True)]]
    dense = [prompts.dense_caption(name, list(words)[:KEYWORDS])
             for name, words in zip(allowed.name, allowed.keywords, strict=True)]
    both = pd.concat([allowed.assign(detail="short", caption=allowed.name),
                      allowed.assign(detail="dense", caption=dense)])
    return images.loc[images.split == "train", ["image_id", "concept", "style", "split"]].merge(
        both[["concept", "language", "detail", "caption"]], on="concept")


def build(folder: Path, data: Data, pixels: int) -> dict[str, pd.DataFrame]:
    """Build and write the three tables."""
    drawings = concepts.drawings()
    texts = chosen_texts(data, drawings)
    pictures = images(texts, drawings, data, pixels)
    built = {"texts": texts, "images": pictures,
            "captions": captions(texts, pictures, splits.held_out_pairs(texts, data))}
    for name, frame in built.items():
        tables.write(folder / f"{name}.parquet", name, frame)
    return built


@cache
def texts_of(folder: Path) -> pd.DataFrame:
    """The `texts` table of a profile, with `keywords` as lists."""
    frame = tables.read(folder / "texts.parquet", "texts")
    return frame.assign(keywords=[list(words) for words in frame.keywords])
