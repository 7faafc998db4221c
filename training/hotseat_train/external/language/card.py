"""The model card of a language model that was trained elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path

from hotseat_registry import Manifest
from hotseat_train.external.errors import SourceError

_HEAD = "| variant | MiB | tokens/s | first token, ms | cold start, ms | perplexity |"


NOTES = "hotseat-notes.json"
"""A file beside the weights with lines for the card: what it was tuned on, credits."""


def write_notes(folder: Path, lines: Sequence[str]) -> None:
    """Write lines for the card beside the weights of a model."""
    (folder / NOTES).write_text(json.dumps(list(lines), indent=1) + "\n", "utf-8")


def read_notes(source: Path) -> tuple[str, ...]:
    """Return the lines beside a model's weights; none without the file.

    Raises `SourceError` for a file of another form.
    """
    try:
        lines = json.loads((source / NOTES).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError) as error:
        raise SourceError(f"{source / NOTES} cannot be read: {error}") from None
    if not isinstance(lines, list) or not all(isinstance(one, str) for one in lines):
        raise SourceError(f"{source / NOTES}: expected a list of texts")
    return tuple(lines)


def of(
    manifest: Manifest, source: str, notes: Sequence[str], *, with_perplexity: bool
) -> str:
    """Return the card, in Markdown; `notes` are lines of `read_notes`."""
    plan = manifest.signature.text
    assert plan is not None
    first = manifest.variants[0].metrics
    rows = []
    for variant in manifest.variants:
        found = variant.metrics
        rows.append(
            f"| {variant.name} | {found['bytes'] / 2**20:,.0f} | "
            f"{found['tokens_per_second']:.0f} | {found['first_token_ms']:.0f} | "
            f"{found['cold_start_ms']:.0f} | {found.get('perplexity', '')} |"
        )
    lines = [
        f"# {manifest.model}",
        "",
        f"A language model that was trained elsewhere, published from `{source}`.",
        f"It reads {plan.context_tokens:,} tokens, prompt and answer together.",
        *([""] if notes else ()),
        *notes,
        "",
        _HEAD,
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"Measured on {first['cpu']}, one thread. A cold start goes from the start of",
        "a process to its first token.",
    ]
    if with_perplexity:
        text = f"The perplexity is of {first['tokens']:,} held-out tokens; "
        lines += ["", text + f"fp32 of the same source: {first['fp32_perplexity']}."]
    else:
        lines += ["", "The quality of its texts was not measured."]
    if plan.slots:
        names = ", ".join(slot.name for slot in plan.callers_slots)
        lines += ["", f"Games fill the slots of its template: {names}."]
    if (rule := plan.retrieval) is not None:
        lines.append(
            f"The service fills {rule.slot} with what {rule.model} finds to "
            f"{rule.query}."
        )
    return "\n".join(lines) + "\n"
