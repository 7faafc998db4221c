"""Bodies that are an encoded image instead of JSON.

Such a body is never JSON, so a request in JSON does not come here.
"""

from typing import Any

from hotseat_registry import Manifest
from hotseat_serve.api.messages import Request
from hotseat_serve.problems import Problem
from hotseat_serve.wording import quoted

MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp")
_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"RIFF")


def is_image(request: Request) -> bool:
    """Return whether a body that is not JSON is an image by its media type.

    Raises `Problem` (unsupported_media_type) for images of other formats, and for an
    image without a media type of its own.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0]
    media_type = media_type.strip().lower()
    if media_type in MEDIA_TYPES:
        return True
    got = quoted(media_type) if media_type else "none"
    if media_type.startswith("image/") or request.body.startswith(_STARTS):
        raise Problem(
            "unsupported_media_type",
            f"expected JSON, or an image with the content-type "
            f"{', '.join(MEDIA_TYPES)}, got {got}",
        )
    return False


def input_of(manifest: Manifest, image: bytes) -> Any:
    """Return the input of a version that an image alone fills.

    Raises `Problem` (unsupported_media_type) for other versions.
    """
    items = manifest.signature.inputs
    needed = [item for item in items if item.default is None]
    if [item.form for item in needed] == ["image"]:
        return image if len(items) == 1 else {needed[0].key: image}
    keys = ", ".join(dict.fromkeys(quoted(item.key) for item in needed))
    raise Problem(
        "unsupported_media_type",
        f"{manifest.model} does not take one image: send its input as JSON ({keys}), "
        "images in base64",
    )
