"""The model card of a model that was trained elsewhere."""

from collections.abc import Iterable, Iterator, Sequence

from hotseat_registry import Manifest
from hotseat_registry.signature import Input, Output
from hotseat_registry.steps import Step


def of(manifest: Manifest, name: str, notes: Sequence[str], *, random: bool) -> str:
    """Return the card, in Markdown."""
    metrics = manifest.variants[0].metrics
    origin = (
        "random inputs, which do not show its quality" if random
        else "the examples from publishing"
    )  # fmt: skip
    lines = [
        f"# {manifest.model}",
        "",
        *_origin(manifest, name),
        *_table(("input", "type", "shape", "form"),
                map(input_row, manifest.signature.inputs)),
        *_table(("output", "type", "shape", "use"),
                map(output_row, manifest.signature.outputs)),
        *(_table(("step", "kind", "reads", "from", "flags"),
                 map(step_row, manifest.steps)) if manifest.steps else ()),
        "",
        f"Golden rows are {origin}. One answer takes {metrics['milliseconds']:.2f} ms.",
        f"A cold start takes {metrics['cold_start_ms']:.0f} ms: from the start of a",
        f"process to its first answer, on {metrics['cpu']}.",
        f"The files have {metrics['bytes']:,} bytes.",
        *(["", *(f"- {note}" for note in notes)] if notes else []),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _origin(manifest: Manifest, name: str) -> Iterator[str]:
    what = "model that was trained elsewhere" if manifest.steps is None else "version"
    yield f"A {manifest.kind} {what}, published from `{name}`."
    found = manifest.variants[0].metrics
    if "accuracy" not in found:
        yield "Its quality was not measured."
        return
    low, high = found["interval"]
    yield f"Of {found['rows']:,} examples {100 * found['accuracy']:.1f} % are right,"
    yield f"with a 95 % interval of {100 * low:.1f} to {100 * high:.1f} %."
    if "caught" in found:
        yield f"{100 * found['caught']:.1f} % of those that are to be found are, with"
        yield f"{100 * found['false_alarms']:.1f} % false alarms."


_VARIANTS = "## Variants"


def with_variants(manifest: Manifest) -> str:
    """Return the card with a table of the variants, compared with the first one."""
    rows = []
    for variant in manifest.variants:
        found = variant.metrics
        low, high = found["agreement_interval"]
        accuracy = found.get("accuracy", found.get("mae"))
        rows.append((
            variant.name, f"{found['bytes'] / 1024:,.0f}",
            f"{found['milliseconds']:.2f}",
            f"{found['agreement']:.4f} ({low:.4f} to {high:.4f})",
            "" if accuracy is None else f"{accuracy:.4g}",
        ))  # fmt: skip
    first = manifest.variants[0].metrics
    quality = "mean absolute error" if "mae" in first else "accuracy"
    columns = ("variant", "KiB", "ms", f"agreement with {manifest.variants[0].name}",
               quality)  # fmt: skip
    lines = [_VARIANTS, *_table(columns, rows), "",
             f"Compared on {first['rows']} inputs."]  # fmt: skip
    return (
        manifest.card.partition(_VARIANTS)[0].rstrip()
        + "\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield from ("", f"| {' | '.join(head)} |", "|---" * len(head) + "|")
    yield from (f"| {' | '.join(row)} |" for row in rows)


def input_row(item: Input) -> tuple[str, str, str, str]:
    """Return name, type, shape and form as text for people."""
    form = item.form
    if item.tokens is not None:
        form = f"{item.tokens.part} of the text {item.key!r}, by {item.tokens.file}"
    elif item.form == "image" and item.image is not None:
        image = item.image
        form = f"image {image.width} x {image.height} {image.channels} {image.layout}"
    elif item.fields is not None:
        names = [field.name for field in item.fields]
        form = "features " + ", ".join(names[:6]) + (" ..." if len(names) > 6 else "")
    if item.default is not None:
        form += f", {item.default:g} if left out"
    return item.name, item.datatype, _dims(item.shape), form


def output_row(item: Output) -> tuple[str, str, str, str]:
    """Return name, type, shape and use as text for people."""
    steps = [item.role, item.pooling and f"pooled: {item.pooling}", item.activation,
             "normalised" if item.normalize else None]  # fmt: skip
    return item.name, item.datatype, _dims(item.shape), ", ".join(filter(None, steps))


def step_row(step: Step) -> tuple[str, str, str, str, str]:
    """Return name, kind, source, origin and threshold as text for people."""
    at = f"{', '.join(step.flags)} from {step.threshold:g}" if step.flags else ""
    return (
        step.name,
        step.kind,
        step.source or "the input",
        step.origin or "a graph",
        at,
    )


def _dims(shape: tuple[int, ...]) -> str:
    return (
        "x".join("n" if length == -1 else str(length) for length in shape) or "scalar"
    )
