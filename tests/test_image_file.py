"""The one reader of pictures shows what a viewer shows, for every mode and orientation.

Run with: pytest tests/test_image_file.py
"""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageOps

from centurio_lib import image_file
from centurio_lib.data.hub import ingest

ORIENTATION = 0x0112
# what a viewer does with stored rows and columns, by the EXIF standard: (rows, columns, 3) -> the same
TURNED = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
          5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1),
          7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a)}


def stored(image: Image.Image, form: str = "PNG", **options) -> bytes:
    """Bytes of a picture's file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def oriented(orientation: int) -> Image.Exif:
    """EXIF data with an orientation alone."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def stroke(mode: str) -> Image.Image:
    """A black stroke in the left half of a transparent picture of 8 x 4."""
    image = Image.new("RGBA", (8, 4), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 4, 4))
    return image.convert(mode)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_tag_says(form, orientation):
    drawn = np.zeros((48, 64, 3), np.uint8)
    drawn[:16, :16], drawn[-16:, :16] = (255, 0, 0), (0, 255, 0)
    options = {"lossless": True} if form == "WEBP" else {}
    seen = image_file.read(stored(Image.fromarray(drawn), form, exif=oriented(orientation), **options))
    expected = TURNED[orientation](drawn)
    assert seen.size == expected.shape[1::-1] and seen.mode == "RGB"
    assert np.abs(np.asarray(seen, int) - expected).mean() < 8  # JPEG blurs edges


def test_a_photograph_held_upright_keeps_that_when_it_is_reduced():
    content = stored(Image.new("RGB", (64, 48), "navy"), "JPEG", exif=oriented(6))
    assert image_file.read(content).size == (48, 64)
    assert image_file.read(ingest.reduced(content, "a", 32)).size == (24, 32)
    assert image_file.read(ingest.reduced(content, "a", 64)).size == (48, 64)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\x00\x00broken", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"", b"x"])
def test_a_broken_tag_costs_no_picture(exif):
    assert image_file.read(stored(Image.new("RGB", (64, 48)), "JPEG", exif=exif)).size == (64, 48)


@pytest.mark.parametrize(("form", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "P"), ("TIFF", "RGBA"),
                                            ("TIFF", "LA"), ("WEBP", "RGBA"), ("GIF", "RGBA")])
def test_what_is_transparent_is_white(form, mode):
    image = stroke("RGBA").quantize(4) if mode == "P" else stroke(mode)
    seen = np.asarray(image_file.read(stored(image, form, **({"lossless": True} if form == "WEBP" else {}))))
    assert (seen[:, :4] == 0).all() and (seen[:, 4:] == 255).all()


@pytest.mark.parametrize(("mode", "black", "clear"), [("L", 0, 90), ("RGB", (0, 0, 0), (9, 8, 7)), ("1", 0, 1)])
def test_a_colour_that_stands_for_nothing_is_white(mode, black, clear):
    image = Image.new(mode, (8, 4), clear)
    image.paste(black, (0, 0, 4, 4))
    seen = np.asarray(image_file.read(stored(image, transparency=clear)))
    assert (seen[:, :4] == 0).all() and (seen[:, 4:] == 255).all()


def test_a_palette_with_shades_of_transparency_is_laid_on_white():
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0] * 3)
    image.putdata([0, 1, 2])
    seen = np.asarray(image_file.read(stored(image, transparency=bytes([255, 128, 0]))))
    assert seen[0, :, 0].tolist() == [0, 127, 255]


def test_half_a_shadow_is_grey():
    assert image_file.read(stored(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))).getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_keep_their_shades(form):
    ramp = np.arange(256, dtype=np.uint16).reshape(1, -1) * 257
    seen = np.asarray(image_file.read(stored(Image.fromarray(ramp), form)))
    assert (seen == np.arange(256)[None, :, None]).all()


def test_sixteen_bits_with_a_value_for_nothing():
    ramp = np.array([[0, 1000, 65535]], np.uint16)
    seen = np.asarray(image_file.read(stored(Image.fromarray(ramp), transparency=1000)))
    assert seen[0, :, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize(("values", "shades"), [
    (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
    (np.array([[0.0, 128.0, 255.0]], np.float32), [0, 128, 255]),
    (np.array([[0.0, np.nan, 65535.0]], np.float32), [0, 0, 255]),
    (np.array([[0, 2 ** 30, 2 ** 31 - 1]], np.int32), [0, 128, 255]),
    (np.array([[0, 0, 0]], np.float32), [0, 0, 0]),
], ids=range(5))
def test_other_depths_are_scaled_to_their_white(values, shades):
    assert np.asarray(image_file.read(stored(Image.fromarray(values), "TIFF")))[0, :, 0].tolist() == shades


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_opaque_pictures_are_read_as_before(mode):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)).convert(mode)
    form = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    content = stored(image, form)
    assert image_file.read(content).tobytes() == Image.open(io.BytesIO(content)).convert("RGB").tobytes()


@pytest.mark.parametrize("content", [b"", b"<html>log in</html>", stored(Image.effect_noise((64, 48), 90))[:900]])
def test_what_is_no_picture_is_named(content):
    with pytest.raises(ValueError, match="cat is not a readable image"):
        image_file.read(content, "cat")


@settings(max_examples=150, deadline=None, database=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4))),
       st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"]), st.integers(0, 9))
def test_any_mode_and_orientation_is_seen_as_laid_on_white_and_turned(pixels, mode, orientation):
    image = Image.fromarray(pixels).convert(mode)
    white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    seen = np.asarray(image_file.read(stored(image, exif=oriented(orientation))))
    assert (seen == TURNED.get(orientation, TURNED[1])(np.asarray(white))).all()


def test_the_orders_of_this_test_are_those_of_the_standard():
    pixels = np.random.default_rng(1).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    for orientation, turn in TURNED.items():
        image = Image.fromarray(pixels)
        image.getexif()[ORIENTATION] = orientation
        assert (np.asarray(ImageOps.exif_transpose(image)) == turn(pixels)).all()
