"""Encoded images (PNG, JPEG, WebP) to tensors on the device, as in the service.

Pillow decodes them: ``pip install hotseat[images]``. The steps are those of
hotseat_serve.codec.images; `tests/contract/sdk/test_device_inputs.py` compares both.
"""

import base64
import io
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from hotseat._device.elements import DTYPES, Array
from hotseat._device.wording import bad, expected, place, too_large
from hotseat.errors import ConfigError

_FORMATS = ("PNG", "JPEG", "WEBP")
_MAX_BYTES = 4_500_000


def check_decoder(version: str) -> None:
    """Raise `ConfigError` if Pillow is missing."""
    try:
        import_module("PIL.Image")
    except ImportError:
        raise ConfigError(
            f"{version} reads images, which needs Pillow: pip install hotseat[images]"
        ) from None


def tensor(item: Mapping[str, Any], value: Any, pointer: str) -> Array:
    """Return the pixels of one image, [channels, height, width] or NHWC's.

    Raises `BadInputError`, `TooLargeError`.
    """
    image = {name: set_ for name, set_ in item["image"].items() if set_ is not None}
    picture = _prepared(_decoded(_bytes(value, item, pointer), image, pointer), image)
    pixels: Array = np.asarray(picture, np.float32)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if image.get("channels") == "BGR":
        pixels = pixels[:, :, ::-1]
    pixels = pixels * np.float32(image.get("scale", 1 / 255))
    if image.get("mean"):
        pixels = pixels - np.array(image["mean"], np.float32)
    if image.get("deviation"):
        pixels = pixels / np.array(image["deviation"], np.float32)
    if image.get("layout", "NCHW") == "NCHW":
        pixels = pixels.transpose(2, 0, 1)
    dtype = np.dtype(DTYPES[item["datatype"]])
    if dtype.kind in "iu":
        pixels = np.rint(pixels)
    return np.ascontiguousarray(pixels, dtype)


def _bytes(value: Any, item: Mapping[str, Any], pointer: str) -> bytes:
    if not isinstance(value, str):
        raise expected("an image in base64", pointer, value)
    limit = item.get("max_bytes") or _MAX_BYTES
    if len(value) > limit * 4 // 3 + 100:
        raise too_large(
            f"the image{place(pointer)} has more than {limit:,} bytes, which is the "
            "limit",
            pointer,
        )
    if value.startswith(("http:", "https:", "file:")):
        raise bad(
            f"expected an image in base64{place(pointer)}, got a URL, which the "
            "service does not fetch: send the image itself",
            pointer,
        )
    if value.startswith("data:"):
        value = value.partition(",")[2]
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise bad(
            f"expected an image in base64{place(pointer)}, got other characters",
            pointer,
        ) from None


def _decoded(data: bytes, image: Mapping[str, Any], pointer: str) -> Any:
    """Return the picture upright, on white, grey or in colour."""
    import PIL.Image
    import PIL.ImageOps

    limit = image.get("max_pixels", 16_000_000)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
                width, height = opened.size
                if width * height > limit:
                    raise too_large(
                        f"the image{place(pointer)} has {width} x {height} pixels; "
                        f"the limit is {limit:,}",
                        pointer,
                    )
                picture = PIL.ImageOps.exif_transpose(opened)
                if picture.has_transparency_data:
                    picture = picture.convert("RGBA")
                    white = PIL.Image.new("RGBA", picture.size, "white")
                    picture = PIL.Image.alpha_composite(white, picture)
                return picture.convert("L" if image.get("channels") == "L" else "RGB")
    except (
        OSError,
        ValueError,
        SyntaxError,
        PIL.Image.DecompressionBombError,
    ) as error:
        raise bad(
            f"expected a PNG, JPEG or WebP image{place(pointer)}: {_reason(error)}",
            pointer,
        ) from None


def _prepared(picture: Any, image: Mapping[str, Any]) -> Any:
    """Return the picture resized, recompressed and cropped."""
    import PIL.Image

    width, height = image["width"], image["height"]
    resize = tuple(image.get("resize") or (width, height))
    if len(resize) == 1:
        short = min(picture.size)
        resize = tuple(max(1, int(n * resize[0] / short)) for n in picture.size)
    method = PIL.Image.Resampling[image.get("filter", "bilinear").upper()]
    picture = picture.resize(resize, method)
    if image.get("jpeg") is not None:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=image["jpeg"])
        picture = PIL.Image.open(buffer).convert(picture.mode)
    if picture.size == (width, height):
        return picture
    left = round((picture.size[0] - width) / 2)
    top = round((picture.size[1] - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def _reason(error: Exception) -> str:
    """Return why Pillow does not decode an image, without addresses in memory."""
    text = str(error)
    return "it is in none of these formats" if " object at " in text else text[:80]
