"""Flags that say what a graph does not, and the overrides that they give."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotseat_registry.signature import Image
    from hotseat_train.external.overrides import Overrides

# onnx and onnxruntime are imported by the verb that runs

KINDS = ("classification", "multilabel", "regression", "embedding", "policy", "tensor")


def add_description(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what a graph does not."""
    group = parser.add_argument_group(
        "what a graph does not say", "of an ONNX file or a folder with one"
    )
    group.add_argument("--kind", choices=KINDS, help="what an answer is (default: by "
                       "the graph's outputs and labels)")  # fmt: skip
    group.add_argument("--labels", metavar="A,B,...|FILE", default="",
                       help="names of the scores, in their order; a file has one a "
                       "line, or is a JSON list, or an object of numbers "
                       "and names")  # fmt: skip
    group.add_argument("--output", metavar="ROLE=NAME", action="append", default=[],
                       help="which output is the scores, value, embedding or policy: "
                       "scores=logits")  # fmt: skip
    group.add_argument("--input", metavar="NAME=FORM", action="append", default=[],
                       help="how requests fill an input: text, features, tensor (a row "
                       "each), array (a whole tensor) or image")  # fmt: skip
    group.add_argument("--default", metavar="NAME=NUMBER", action="append", default=[],
                       help="what a tensor is filled with where a request leaves it "
                       "out: sr=16000")  # fmt: skip
    group.add_argument("--features", metavar="A,B,...", default="",
                       help="names of the columns of the one input of "
                       "numbers")  # fmt: skip
    group.add_argument("--missing-numbers", action="store_true",
                       help="numbers may be missing: null in a request is NaN in "
                       "the graph, as trees take it")  # fmt: skip
    group.add_argument("--activation", choices=("softmax", "sigmoid", "none"),
                       help="what makes probabilities of the scores (default: none "
                       "where they are some, else softmax)")  # fmt: skip
    group.add_argument("--threshold", type=float, metavar="P",
                       help="of a multilabel: the probability from which a label "
                       "holds (default: 0.5)")  # fmt: skip
    group.add_argument("--pooling", choices=("mean", "first"),
                       help="how vectors of tokens become one")  # fmt: skip
    group.add_argument("--normalize", action="store_true",
                       help="divide embeddings by their length")  # fmt: skip
    group.add_argument("--image", metavar="KEY=VALUE,...", default="",
                       help="how an image fills the tensor: size=224, resize=256, "
                       "channels=BGR, mean=104/117/123, deviation=58/57/57, scale=1, "
                       "filter=bicubic, jpeg=75")  # fmt: skip


def overrides(arguments: argparse.Namespace) -> "Overrides":
    """Read the flags of `add_description`; raises `UnclearError`."""
    from hotseat_train.external.overrides import Overrides

    return Overrides(
        kind=arguments.kind,
        labels=_label_names(arguments.labels),
        roles=_pairs("--output", arguments.output),
        forms=_forms(arguments),
        features=tuple(filter(None, arguments.features.split(","))),
        defaults={
            name: _number("--default", value)
            for name, value in _pairs("--default", arguments.default).items()
        },
        activation=arguments.activation,
        threshold=arguments.threshold,
        image=_image(arguments.image),
        pooling=arguments.pooling,
        normalize=arguments.normalize or None,
        missing=arguments.missing_numbers,
    )


def _label_names(text: str) -> tuple[str, ...]:
    from hotseat_train.external.errors import UnclearError

    path = Path(text)
    if not text or not (path.suffix in {".txt", ".json", ".csv"} and path.exists()):
        return tuple(name.strip() for name in text.split(",") if name.strip())
    content = path.read_text("utf-8")
    if path.suffix != ".json":
        return tuple(line.strip() for line in content.splitlines() if line.strip())
    found = json.loads(content)
    if isinstance(found, dict) and all(key.isdecimal() for key in found):
        return tuple(str(found[key]) for key in sorted(found, key=int))
    if isinstance(found, list):
        return tuple(map(str, found))
    raise UnclearError(f"{text}: expected a JSON list of labels, or numbers to labels")


def _pairs(flag: str, texts: list[str]) -> dict[str, str]:
    from hotseat_train.external.errors import UnclearError

    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UnclearError(f"{flag} takes NAME=VALUE, not {text!r}")
        pairs[name] = value
    return pairs


def _forms(arguments: argparse.Namespace) -> dict[str, str]:
    from hotseat_train.external.errors import UnclearError
    from hotseat_train.external.overrides import FORMS

    forms = {}
    for text in arguments.input:
        name, _, form = text.rpartition("=")
        if form not in FORMS:
            raise UnclearError(
                f"--input takes NAME=FORM, and a form is one of {', '.join(FORMS)}: "
                f"not {text!r}"
            )
        forms[name] = form
    return forms


def _number(flag: str, text: str) -> float:
    from hotseat_train.external.errors import UnclearError

    try:
        return float(text)
    except ValueError:
        raise UnclearError(f"{flag} takes a number, not {text!r}") from None


def _image(text: str) -> "Image | None":
    from hotseat_registry.errors import IntegrityError
    from hotseat_registry.signature import Image
    from hotseat_train.external.errors import UnclearError

    if not text:
        return None
    given = _pairs("--image", text.split(","))

    def numbers(name: str) -> tuple[float, ...]:
        found = given.pop(name, "")
        return tuple(_number("--image", n) for n in found.split("/") if n)

    size = tuple(map(int, numbers("size"))) or (224,)
    values: dict[str, Any] = {
        "width": size[0],
        "height": size[-1],
        "resize": tuple(map(int, numbers("resize"))),
        "mean": numbers("mean"),
        "deviation": numbers("deviation"),
        **({"scale": scale[0]} if (scale := numbers("scale")) else {}),
        **({"jpeg": int(jpeg[0])} if (jpeg := numbers("jpeg")) else {}),
        **{n: given.pop(n) for n in ("channels", "layout", "filter") if n in given},
    }
    try:
        image = Image(**values)
    except IntegrityError as error:
        raise UnclearError(f"--image: {error}") from None
    if given:
        raise UnclearError(f"--image has no {min(given)!r}; see --help")
    return image
