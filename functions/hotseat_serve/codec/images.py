"""Convert encoded images (PNG, JPEG, WebP) to the tensors of an image model.

Pillow decodes them; it is imported when a version with images is opened. The steps
follow the usual pipelines of torchvision and Keras: turn upright, put on white,
resize, crop the centre, scale, normalise.
"""

import base64
import binascii
import io
import warnings
from importlib import import_module
from typing import Any

import numpy as np

from hotseat_registry.errors import IntegrityError
from hotseat_registry.signature import Image, Input
from hotseat_serve.codec.rows import Rows
from hotseat_serve.codec.tensors import DTYPES, Array
from hotseat_serve.problems import Problem
from hotseat_serve.wording import expected, invalid, place

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 4_500_000
"""Bytes of one encoded image without a limit in the signature; fits into Lambda."""


def check_decoder() -> None:
    """Raise `IntegrityError` if images cannot be decoded."""
    try:
        import_module("PIL.Image")
    except ImportError:
        raise IntegrityError("this version reads images: pip install pillow") from None


class Picture:
    """A decoded picture: Pillow's image of mode RGB, as `decode` returns it.

    Steps of a pipeline read it instead of the encoded image.
    """

    __slots__ = ("pixels",)

    def __init__(self, pixels: Any) -> None:
        self.pixels = pixels


def images(item: Input, rows: Rows) -> Array:
    """Return the tensor [rows, channels, height, width], or NHWC, of encoded images.

    Values are base64 strings, with or without ``data:image/png;base64,`` in front, or
    bytes, where an image is the whole body, or a `Picture` that was decoded before.
    Raises `Problem` (invalid_input, too_large) with a pointer to the first fault.
    """
    image = item.image
    assert image is not None
    pictures = [
        value.pixels if isinstance(value, Picture)
        else decode(value, at, image.max_pixels, item.max_bytes, image.channels)
        for value, at in rows.values(item)
    ]  # fmt: skip
    return np.stack([_tensor(picture, image, item.datatype) for picture in pictures])


def decode(
    value: Any,
    pointer: str,
    max_pixels: int,
    max_bytes: int | None = None,
    channels: str = "RGB",
) -> Any:
    """Return Pillow's image of one value of a request; raises `Problem`.

    It is upright, on white where it is transparent, and grey if `channels` is L.
    """
    data = _bytes(value, max_bytes or MAX_BYTES, pointer)
    import PIL.Image
    import PIL.ImageOps

    try:
        # Pillow warns of bombs at its own limit; the signature's limit is smaller
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                width, height = opened.size
                if width * height > max_pixels:
                    raise Problem(
                        "too_large",
                        f"the image{place(pointer)} has {width} x {height} pixels; "
                        f"the limit is {max_pixels:,}",
                        pointer,
                    )
                return _flat(PIL.ImageOps.exif_transpose(opened), channels)
    except (
        OSError,
        ValueError,
        SyntaxError,
        PIL.Image.DecompressionBombError,
    ) as error:
        raise invalid(
            f"expected a PNG, JPEG or WebP image{place(pointer)}: {_reason(error)}",
            pointer,
        ) from None


def _bytes(value: Any, limit: int, pointer: str) -> bytes:
    if isinstance(value, bytes):
        size, most = len(value), limit
    elif isinstance(value, str):
        size, most = len(value), limit * 4 // 3 + 100
    else:
        raise expected("an image in base64", pointer, value)
    if size > most:
        raise Problem(
            "too_large",
            f"the image{place(pointer)} has more than {limit:,} bytes, which is the "
            "limit",
            pointer,
        )
    if isinstance(value, bytes):
        return value
    if value.startswith(("http:", "https:", "file:")):
        raise invalid(
            f"expected an image in base64{place(pointer)}, got a URL, which the "
            "service does not fetch: send the image itself",
            pointer,
        )
    if value.startswith("data:"):
        value = value.partition(",")[2]
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(
            f"expected an image in base64{place(pointer)}, got other characters",
            pointer,
        ) from None


def _tensor(picture: Any, image: Image, datatype: str) -> Array:
    if image.channels == "L":
        picture = picture.convert("L")
    picture = _resized(picture, image)
    if image.jpeg is not None:
        picture = _recompressed(picture, image.jpeg)
    return normalised(_crop(picture, image), image, datatype)


def normalised(picture: Any, image: Image, datatype: str) -> Array:
    """Return a picture of its final size as a tensor without rows."""
    pixels: Array = np.asarray(picture)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if image.channels == "BGR":
        pixels = pixels[:, :, ::-1]
    # plane by plane: numpy's loops over three channels take four times as long
    planes = np.empty((pixels.shape[2], *pixels.shape[:2]), np.float32)
    for at, plane in enumerate(planes):
        np.multiply(pixels[:, :, at], np.float32(image.scale), plane, dtype=np.float32)
        if image.mean:
            np.subtract(plane, np.float32(image.mean[at]), plane)
        if image.deviation:
            np.divide(plane, np.float32(image.deviation[at]), plane)
    pixels = planes if image.layout == "NCHW" else planes.transpose(1, 2, 0)
    dtype = DTYPES[datatype]
    if dtype.kind in "iu":
        pixels = np.rint(pixels)
    return np.ascontiguousarray(pixels, dtype)


def _flat(picture: Any, channels: str) -> Any:
    """Return a picture without transparency, grey or in colour."""
    import PIL.Image

    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = PIL.Image.new("RGBA", picture.size, "white")
        picture = PIL.Image.alpha_composite(white, picture)
    return picture.convert("L" if channels == "L" else "RGB")


def _resized(picture: Any, image: Image) -> Any:
    import PIL.Image

    method = PIL.Image.Resampling[image.filter.upper()]
    size: tuple[int, ...]
    if len(image.resize) == 1:
        width, height = picture.size
        short = min(width, height)
        size = (
            max(1, int(width * image.resize[0] / short)),
            max(1, int(height * image.resize[0] / short)),
        )
    else:
        size = image.resize or (image.width, image.height)
    return picture.resize(size, method)


def _recompressed(picture: Any, quality: int) -> Any:
    import PIL.Image

    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return PIL.Image.open(buffer).convert(picture.mode)


def _crop(picture: Any, image: Image) -> Any:
    width, height = picture.size
    if (width, height) == (image.width, image.height):
        return picture
    left, top = round((width - image.width) / 2), round((height - image.height) / 2)
    return picture.crop((left, top, left + image.width, top + image.height))


def _reason(error: Exception) -> str:
    """Return why Pillow does not decode an image, without addresses in memory."""
    text = str(error)
    return "it is in none of these formats" if " object at " in text else text[:80]
