"""Encoded images become tensors as the signature says, within limits."""

import base64
import io

import numpy as np
import PIL.Image
import pytest

from hotseat_registry.errors import IntegrityError
from hotseat_registry.signature import Image, Input, Signature
from hotseat_serve.codec import game_json
from hotseat_serve.problems import Problem

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (6, 4, 3), np.uint8)


def encoded(pixels=PIXELS, kind="PNG", **more):
    """Return an image in base64."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, kind, **more)
    return base64.b64encode(buffer.getvalue()).decode()


def tensor(given, datatype="FP32", max_bytes=None, **said):
    """Return the tensor of one image."""
    image = Image(**{"width": 4, "height": 6, **said})
    item = Input("x", datatype, (-1, -1, -1, -1), "image", max_bytes, image=image)
    return game_json.encode(Signature((item,), ()), [given], ["/input"])["x"]


def test_pixels_come_as_they_are():
    """Of the right size, scaled to 0..1, channel by channel."""
    found = tensor(encoded())
    assert found.shape == (1, 3, 6, 4)
    np.testing.assert_allclose(found[0], PIXELS.transpose(2, 0, 1) / 255, rtol=1e-6)


def test_mean_deviation_order_and_layout():
    """BGR, pixel by pixel, as Caffe's models want it."""
    said = {"mean": (104, 117, 123), "deviation": (1, 2, 4), "scale": 1}
    found = tensor(encoded(), channels="BGR", layout="NHWC", **said)
    wanted = (PIXELS[:, :, ::-1].astype(float) - [104, 117, 123]) / [1, 2, 4]
    np.testing.assert_allclose(found[0], wanted, rtol=1e-6)


def test_whole_numbers_are_whole():
    """A graph that takes bytes gets the pixels."""
    found = tensor(encoded(), datatype="UINT8", scale=1, layout="NHWC")
    np.testing.assert_array_equal(found[0], PIXELS)


def test_the_shorter_side_is_scaled_and_the_middle_cropped():
    """As torchvision's Resize and CenterCrop."""
    wide = RNG.integers(0, 256, (20, 40, 3), np.uint8)
    found = tensor(encoded(wide), width=8, height=8, resize=(10,), scale=1)
    picture = PIL.Image.fromarray(wide).resize((20, 10), PIL.Image.Resampling.BILINEAR)
    wanted = np.asarray(picture.crop((6, 1, 14, 9)))
    np.testing.assert_array_equal(found[0], wanted.transpose(2, 0, 1))


def test_an_image_on_its_side_is_turned():
    """Cameras write how an image was held; models see it upright."""
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    found = tensor(encoded(PIXELS, exif=exif), width=6, height=4, scale=1)
    np.testing.assert_array_equal(found[0], np.rot90(PIXELS, -1).transpose(2, 0, 1))


def test_what_is_transparent_is_white():
    """A model that knows no transparency sees a page."""
    pixels = np.zeros((6, 4, 4), np.uint8)
    assert tensor(encoded(pixels)).min() == 1.0
    assert tensor(encoded(pixels), channels="L").shape == (1, 1, 6, 4)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_each_format_is_read_bare_or_as_a_data_address(kind):
    """What a page has already is taken as it is."""
    data = encoded(kind=kind)
    bare, address = tensor(data), tensor(f"data:image/{kind.lower()};base64,{data}")
    np.testing.assert_array_equal(bare, address)


def test_what_is_no_image_is_refused():
    """Other bytes, other formats, other types, and what is too large."""
    bitmap, huge = encoded(kind="BMP"), encoded(np.zeros((50, 50, 3), np.uint8))
    for given, code, said in (
        (3, "invalid_input", {}),
        ("no base64!", "invalid_input", {}),
        ("aGVsbG8=", "invalid_input", {}),
        (bitmap, "invalid_input", {}),
        (encoded()[:-40], "invalid_input", {}),
        (huge, "too_large", {"max_pixels": 2_000}),
        ("a" * 3_000, "too_large", {"max_bytes": 2_000}),
    ):
        with pytest.raises(Problem) as error:
            tensor(given, **said)
        assert error.value.code == code, given
        assert error.value.pointer == "/input"


@pytest.mark.parametrize(
    ("said", "words"),
    [({"channels": "CMYK"}, "channels"), ({"mean": (1,)}, "3 numbers"),
     ({"deviation": (1, 0, 1)}, "divides by nothing"), ({"width": 0}, "1 or more"),
     ({"resize": (1, 2, 3)}, "one number or two"), ({"filter": "magic"}, "filter")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(said, words):
    """Where the version is published, not at the first request."""
    with pytest.raises(IntegrityError, match=words):
        Image(**{"width": 4, "height": 6, **said})
