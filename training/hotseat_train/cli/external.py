"""Models trained elsewhere: what inspect prints, and publish with a model's file."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_registry.cli.common import (
    DONE,
    Run,
    answering,
    author,
    print_json,
    print_table,
    registry,
    watched,
)
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_registry.signature import Image
    from hotseat_train.external.description import Description
    from hotseat_train.external.overrides import Overrides
    from hotseat_train.external.publish import Prepared

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


def inspect(parser: argparse.ArgumentParser) -> Run:
    """Show what a model's file takes and answers."""
    parser.description = (
        "Print what an ONNX file, or a folder with one (of Hugging Face, Triton, "
        "MLflow), takes and answers, as publish would publish it. Nothing is stored."
    )
    parser.epilog = "example: hotseat inspect model.onnx --labels calm,angry"
    parser.add_argument("file", type=Path, help="an ONNX file, or a folder with one")
    add_description(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _inspect


@answering(TrainError)
def _inspect(arguments: argparse.Namespace) -> int:
    from hotseat_train.external.publish import inspect as describe

    with tempfile.TemporaryDirectory() as folder:
        described = describe(arguments.file, overrides(arguments), Path(folder))
    if arguments.json:
        return print_json(
            {
                "kind": described.kind,
                "notes": list(described.notes),
                "signature": described.signature.to_json(),
            }
        )
    show(described)
    return DONE


def publish_file(arguments: argparse.Namespace) -> int:
    """Publish a model's file, or with --dry-run do all but that."""
    from hotseat_train.external import publish

    path = Path(arguments.run)
    model = arguments.model or _model_name(path)
    with tempfile.TemporaryDirectory() as folder:
        prepared = publish.prepare(
            path, model, overrides(arguments), Path(folder), example=arguments.example
        )
        _print(prepared)
        if arguments.dry_run:
            print("nothing is published (--dry-run)")
            return DONE
        target = registry(arguments)
        with watched() as progress:
            manifest = publish.publish(prepared, target, by=author(), progress=progress)
    print(f"published {manifest.reference} to {target.store.uri}")
    print(f"  next: hotseat model promote {manifest.reference}")
    return DONE


def quantize_file(arguments: argparse.Namespace) -> int:
    """Write smaller variants beside a model's file, and remove those that differ."""
    from hotseat_train.external.compress import METHODS, compress
    from hotseat_train.external.errors import UnclearError

    if arguments.calibrate is None:
        raise UnclearError("--calibrate FILE gives the inputs to compare variants on")
    methods = [m for m in METHODS if m in (arguments.method or METHODS)]
    if not methods or "all" in (arguments.method or ()):
        methods = list(METHODS)
    with tempfile.TemporaryDirectory() as folder:
        first, *made = compress(
            Path(arguments.run), overrides(arguments), Path(folder),
            arguments.calibrate, methods,
        )  # fmt: skip
    print_table(
        ("variant", "KiB", "ms", "speed", "agreement (95 %)"),
        (
            (one.name, f"{one.bytes / 1024:,.0f}", f"{one.milliseconds:.3f}",
             f"{first.milliseconds / one.milliseconds:.2f}x",
             f"{one.agreement:.4f} ({one.interval[0]:.4f} to {one.interval[1]:.4f})")
            for one in (first, *made)
        ),
    )  # fmt: skip
    for one in made:
        most = 100 * (1 - one.interval[0])
        if arguments.max_quality_drop is not None and most > arguments.max_quality_drop:
            one.path.unlink()
            print(f"  removed {one.path}: on {one.rows} inputs it may differ in "
                  f"{most:.2f} %; --max-quality-drop allows "
                  f"{arguments.max_quality_drop:g} %")  # fmt: skip
        else:
            print(f"  wrote {one.path}")
    return DONE


def _print(prepared: "Prepared") -> None:
    show(prepared.described)
    metrics = prepared.manifest.variants[0].metrics
    memory = metrics.get("memory_bytes")
    print(f"  an answer {metrics['milliseconds']:.2f} ms, a start "
          f"{metrics['start_ms']:.0f} ms, {metrics['bytes'] / 2**20:.1f} MiB of files"
          + (f", {memory / 2**20:.0f} MiB of memory" if memory else ""))  # fmt: skip
    if prepared.random:
        print("  note: measured with random inputs, and golden rows are of those; "
              "--example FILE takes real ones", file=sys.stderr)  # fmt: skip


def show(described: "Description") -> None:
    """Print a kind and a signature as tables."""
    from hotseat_train.external.card import input_row, output_row

    signature = described.signature
    print(f"kind {described.kind}" + _labels(signature.labels))
    print_table(("input", "type", "shape", "form"), map(input_row, signature.inputs))
    print_table(("output", "type", "shape", "use"), map(output_row, signature.outputs))
    for note in described.notes:
        print(f"  note: {note}", file=sys.stderr)


def _labels(labels: tuple[str, ...]) -> str:
    if not labels:
        return ""
    more = f" ... ({len(labels)})" if len(labels) > 8 else ""
    return f", labels {', '.join(labels[:8])}{more}"


def _model_name(path: Path) -> str:
    """Return a model's name from its file's."""
    stem = path.stem if path.suffix else path.name
    if stem == "model":
        stem = path.resolve().parent.name
    return "".join(c if c.isalnum() else "-" for c in stem.lower()).strip("-")


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
