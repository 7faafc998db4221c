"""Steps of a pipeline that find regions in a picture, and read the text in them."""

from typing import Any, NamedTuple

import numpy as np

from hotseat_registry.signature import Image
from hotseat_serve.codec.images import Picture, normalised
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.inference_request import OpenStep
from hotseat_serve.kinds.reading_order import Line, corners, ordered
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.vision.ctc import best_path
from hotseat_serve.vision.rectangles import Rectangle
from hotseat_serve.vision.text_boxes import TextBox, text_boxes


class Found(NamedTuple):
    """The regions of a picture."""

    picture: Picture
    boxes: list[TextBox]
    """In pixels of the picture."""

    def to_json(self) -> list[dict[str, Any]]:
        """Return the boxes as an answer has them."""
        return [
            {"box": corners(box.rectangle), "probability": box.probability}
            for box in self.boxes
        ]


def find(
    one: OpenStep, picture: Picture, context: RequestContext, pointer: str
) -> Found:
    """Return the regions that a step finds; warns where there are too many."""
    rule, (item,) = one.step.regions, one.step.signature.inputs
    assert rule is not None
    assert item.image is not None
    pixels = picture.pixels
    size = _fitting(pixels.size, item.image)
    tensor = normalised(_resized(pixels, size, item.image), item.image, item.datatype)
    output = one.step.signature.output("probabilities")
    assert output is not None
    assert one.run is not None
    probabilities = one.run({item.name: tensor[None]}, context)[output.name][0, 0]
    boxes = text_boxes(
        probabilities.astype(np.float32, copy=False),
        threshold=rule.threshold,
        box_threshold=rule.box_threshold,
        growth=rule.growth,
        most=rule.most + 1,
    )
    if len(boxes) > rule.most:
        context.warnings.add(
            "regions_left_out",
            f"the picture has more than {rule.most} regions: the smallest are left out",
            pointer,
        )
    across = pixels.size[0] / probabilities.shape[1]
    upright = pixels.size[1] / probabilities.shape[0]
    return Found(
        picture,
        [
            box._replace(rectangle=box.rectangle.scaled(across, upright).lengthwise())
            for box in boxes[: rule.most]
        ],
    )


def _fitting(size: tuple[int, int], image: Image) -> tuple[int, int]:
    """Return the size at which a picture fits into the graph's, in its proportions."""
    multiple = image.multiple or 1
    scale = min(1.0, image.width / size[0], image.height / size[1])
    width, height = (
        max(multiple, round(side * scale / multiple) * multiple) for side in size
    )
    return width, height


def _resized(picture: Any, size: tuple[int, int], image: Image) -> Any:
    import PIL.Image

    return picture.resize(size, PIL.Image.Resampling[image.filter.upper()])


def transcribe(one: OpenStep, found: Found, context: RequestContext) -> list[Line]:
    """Return the lines of text in the regions, in the order of reading."""
    rule, (item,) = one.step.transcription, one.step.signature.inputs
    output = one.step.signature.output("characters")
    assert rule is not None
    assert item.image is not None
    assert output is not None
    assert one.run is not None
    lines = []
    for box in found.boxes:
        crop = _crop(found.picture.pixels, box.rectangle, item.image)
        tensor = normalised(crop, item.image, item.datatype)
        padded = _padded(tensor, rule.least_width, item.image)
        steps = one.run({item.name: padded[None]}, context)[output.name][0]
        reading = best_path(steps.astype(np.float32, copy=False), one.characters)
        # the graph saw the padding too
        stretch = padded.shape[-1] / tensor.shape[-1]
        places = tuple(min(1.0, at * stretch) for at in reading.places)
        is_text = reading.text.strip() and (
            reading.probability >= rule.least_probability
        )
        if is_text:
            lines.append(Line(box.rectangle, reading._replace(places=places)))
    return ordered(lines)


def _crop(picture: Any, rectangle: Rectangle, image: Image) -> Any:
    """Return a region of the picture, turned level, of the graph's height."""
    import PIL.Image

    left_top, right_top, right_bottom, left_bottom = rectangle.corners().tolist()
    width = round(image.height * rectangle.width / max(rectangle.height, 1.0))
    corner = (*left_top, *left_bottom, *right_bottom, *right_top)
    return picture.transform(
        (min(max(width, image.multiple or 1), image.width), image.height),
        PIL.Image.Transform.QUAD,
        corner,
        PIL.Image.Resampling.BILINEAR,
    )


def _padded(tensor: Array, least: int, image: Image) -> Array:
    """Return a tensor [channels, height, width] with zeros to its right."""
    multiple = image.multiple or 1
    width = max(least, -(-tensor.shape[2] // multiple) * multiple)
    padded = np.zeros((*tensor.shape[:2], width), tensor.dtype)
    padded[:, :, : tensor.shape[2]] = tensor
    return padded
