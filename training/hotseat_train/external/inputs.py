"""Infers the form of each input: how a request fills it."""

from collections.abc import Mapping
from dataclasses import replace

from hotseat_registry.signature import Field, Image, Input, Tokens
from hotseat_serve.runtime.session import Session
from hotseat_train.external.errors import UnclearError
from hotseat_train.external.overrides import Overrides
from hotseat_train.external.source import Source

TOKENS = {
    "input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types",
}  # fmt: skip
"""Hugging Face's names for the inputs of text models, and their token parts."""
_MAX_TEXT = 20_000
"""Maximum size of a text in bytes."""


def inputs_of(
    session: Session, source: Source, overrides: Overrides, notes: list[str]
) -> tuple[Input, ...]:
    """Return the graph's inputs; add inferences to `notes`.

    Raises `UnclearError` if a flag does not fit the graph.
    """
    names = list(session.inputs)
    tokenized = source.tokenizer is not None and "input_ids" in names
    whole = _are_whole(session, overrides)
    if whole and not overrides.forms:
        notes.append(
            "the inputs have no common first dimension: a request has one input with "
            "whole tensors (form array)"
        )
    inputs = []
    for name, (datatype, shape) in session.inputs.items():
        form = overrides.forms.get(name)
        if form is None and tokenized and name in TOKENS:
            form = "tokens"
        if form is None and _is_image(shape, source, overrides):
            form = "image"
        if form is None and whole:
            form = "array"
        if form is None:
            form = _form(datatype, shape, overrides, alone=len(names) == 1)
        inputs.append(_input(name, datatype, shape, form, source, overrides))
    if "input_ids" in names and not tokenized:
        notes.append(
            "the graph takes token ids, and there is no tokenizer.json next to it: "
            "callers must send ids; publish a folder with the tokenizer to accept texts"
        )
    return tuple(inputs)


def _are_whole(session: Session, overrides: Overrides) -> bool:
    """Return whether the first dimension of some input is not the rows."""
    batches = {shape[0] if shape else None for _, shape in session.inputs.values()}
    return (
        bool(batches - {-1, 1})
        or len(batches) > 1
        or "array" in overrides.forms.values()
    )


def _is_image(shape: tuple[int, ...], source: Source, overrides: Overrides) -> bool:
    if overrides.image is None and not source.preprocessor:
        return False
    return len(shape) == 4 and (shape[1] in {1, 3} or shape[3] in {1, 3})


def _form(
    datatype: str, shape: tuple[int, ...], overrides: Overrides, *, alone: bool
) -> str:
    if (
        datatype == "BYTES"
        and alone
        and (len(shape) == 1 or (len(shape) == 2 and shape[1] in {-1, 1}))
        and not overrides.features
    ):
        return "text"
    if len(shape) == 2 and (shape[1] == 1 and not alone):
        return "features"  # one named column
    if len(shape) == 2 and overrides.features and alone:
        return "features"
    return "tensor"


def _input(
    name: str,
    datatype: str,
    shape: tuple[int, ...],
    form: str,
    source: Source,
    overrides: Overrides,
) -> Input:
    item = Input(name, datatype, shape, form, default=overrides.defaults.get(name))
    if form == "tokens":
        assert source.tokenizer is not None
        tokens = Tokens(
            source.tokenizer.name, TOKENS[name], max_tokens=source.max_tokens
        )
        return replace(item, tokens=tokens, max_bytes=_MAX_TEXT)
    if form == "image":
        image = overrides.image or _image(shape, source.preprocessor)
        return replace(item, image=_laid_out(image, name, shape))
    if form == "features":
        kind = "category" if datatype == "BYTES" else "number"
        names = overrides.features if len(overrides.features) else (name,)
        if shape[1] not in {-1, len(names)}:
            raise UnclearError(
                f"--features names {len(names)} columns, but {name!r} has {shape[1]}"
            )
        return replace(item, fields=tuple(Field(one, kind) for one in names))
    if form == "text":
        return replace(item, max_bytes=_MAX_TEXT)
    return item


def _laid_out(image: Image, name: str, shape: tuple[int, ...]) -> Image:
    """Return the image with the graph's layout; raises `UnclearError` for its size."""
    first = shape[1] in {1, 3}
    height, width = shape[2:] if first else shape[1:3]
    for expected, actual in ((height, image.height), (width, image.width)):
        if expected not in {-1, actual}:
            raise UnclearError(
                f"--image has {image.width} x {image.height} pixels, but {name!r} "
                f"takes {width} x {height}"
            )
    return replace(image, layout="NCHW" if first else "NHWC")


def _image(shape: tuple[int, ...], config: Mapping[str, object]) -> Image:
    """Return the image that Hugging Face's preprocessor_config.json describes."""
    first = shape[1] in {1, 3}
    height, width = shape[2:] if first else shape[1:3]
    size, crop = config.get("size"), config.get("crop_size")

    def pixels(value: object) -> tuple[int, ...]:
        if isinstance(value, Mapping):
            if "shortest_edge" in value:
                return (int(value["shortest_edge"]),)
            return int(value["width"]), int(value["height"])
        return (value, value) if isinstance(value, int) else ()

    resize = pixels(size) if config.get("do_resize", True) else ()
    cut = pixels(crop) if config.get("do_center_crop") else ()
    width = width if width > 0 else (cut or resize or (224,))[0]
    height = height if height > 0 else (cut or resize or (224,))[-1]
    normal = bool(config.get("do_normalize", True))
    mean, deviation = config.get("image_mean"), config.get("image_std")
    scale = config.get("rescale_factor", 1 / 255)
    filters = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
    resample = config.get("resample", 2)
    return Image(
        width=width,
        height=height,
        resize=resize,
        filter=filters.get(resample, "bilinear")
        if isinstance(resample, int)
        else "bilinear",
        layout="NCHW" if first else "NHWC",
        scale=float(scale) if isinstance(scale, int | float) else 1 / 255,
        mean=tuple(mean) if normal and isinstance(mean, list) else (),
        deviation=tuple(deviation) if normal and isinstance(deviation, list) else (),
    )
