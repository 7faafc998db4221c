"""The section of a model card about behaviour tests."""

from collections.abc import Mapping
from typing import Any

from hotseat_registry import Variant


def section(variant: Variant) -> list[str]:
    """Return its lines for one variant; none without behaviour tests."""
    metrics = variant.metrics
    found = metrics.get("behaviour")
    if not found:
        return []
    rule = found.get("word_list", {}).get("by", {})
    beside = ["word list: caught", "word list: hit"] if rule else []
    columns = ["category", "cases", "caught", "innocent twins hit", *beside]
    lines = [
        "## Behaviour tests",
        "",
        "Harmful cases, and innocent twins that share their words; no phrase or",
        "spelling of theirs is in the generated training rows.",
        f"Of {variant.name}, {_sentence(found)}"
        + (f" A word list of {metrics['word_list_words']:,} words, learned from the "
           f"same rows: {_sentence(found['word_list'])}" if rule else ""),
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]  # fmt: skip
    for name, part in [*found["by"].items(), *found["by_spelling"].items()]:
        cells = [name, str(part["cases"]), _rate(part, "caught"),
                 _rate(part, "innocent_hit")]  # fmt: skip
        if rule:
            other = rule.get(name) or found["word_list"]["by_spelling"].get(name, {})
            cells += [_share(other, "caught"), _share(other, "innocent_hit")]
        lines.append(f"| {' | '.join(cells)} |")
    for title, part in metrics.get("yardsticks", {}).items():
        lines += ["", f"{title}, which others wrote: {_sentence(part)}"]
    return [*lines, ""]


def _sentence(found: Mapping[str, Any]) -> str:
    return (
        f"{_rate(found, 'caught')} of the harmful cases are caught, and "
        f"{_rate(found, 'innocent_hit')} of the innocent ones are hit "
        f"({found['cases']:,} cases)."
    )


def _rate(part: Mapping[str, Any], what: str) -> str:
    if what not in part:
        return ""
    low, high = part[f"{what}_interval"]
    return f"{part[what]:.3f} ({low:.3f} to {high:.3f})"


def _share(part: Mapping[str, Any], what: str) -> str:
    return f"{part[what]:.3f}" if what in part else ""
