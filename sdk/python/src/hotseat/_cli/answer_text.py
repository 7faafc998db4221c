"""Answers as text for a person, by the kind of the model."""

import json
import sys

from hotseat._types import Prediction


def show(answer: Prediction, *, as_json: bool) -> None:
    """Print an answer; of an item only the rows, for a pipe into a file."""
    if as_json:
        print(json.dumps(answer.raw, ensure_ascii=False, indent=2))
    elif answer.item is not None:
        print("\n".join(answer.item))
        print(_origin(answer), file=sys.stderr)
    else:
        print(f"{_text(answer)}   {_origin(answer)}")


def _text(answer: Prediction) -> str:
    if answer.action is not None:
        return _move(answer)
    if answer.labels is not None:
        labels = ", ".join(answer.labels) or "no label"
        return f"{labels} of {len(answer.scores)}"
    if answer.embedding is not None:
        numbers = ", ".join(f"{x:.4f}" for x in answer.embedding[:4])
        return f"vector of {len(answer.embedding)}: {numbers}, ..."
    if answer.outputs:
        shapes = (f"{name} {_shape(value)}" for name, value in answer.outputs.items())
        return f"tensors {', '.join(shapes)} (--json prints them)"
    if answer.matches or "matches" in answer.raw:
        return _matches(answer)
    text = str(answer.value if answer.label is None else answer.label)
    return text if answer.probability is None else f"{text} {answer.probability:.1%}"


def _shape(value: object) -> str:
    lengths = []
    while isinstance(value, list):
        lengths.append(str(len(value)))
        value = value[0] if value else None
    return f"[{', '.join(lengths)}]"


def _matches(answer: Prediction) -> str:
    """Return a document a line: its score, its id and its text."""
    lines = (
        f"{one['score']:.3f}  {one['id']}  {one.get('text', '')}".rstrip()
        for one in answer.matches
    )
    return "\n".join(lines) or "no document"


def _move(answer: Prediction) -> str:
    """Return a policy's move, its probability and the position's value."""
    text = f"move {answer.action}"
    chance = answer.actions.get(str(answer.action))
    if chance is not None:
        text += f" {chance:.1%}"
    if isinstance(answer.value, (int, float)):
        text += f", value {answer.value:+.3f}"
    return text


def _origin(answer: Prediction) -> str:
    seed = "" if answer.seed is None else f", seed {answer.seed}"
    return (
        f"{answer.model}@{answer.version} ({answer.variant}){seed}, "
        f"{1000 * answer.latency:.0f} ms"
    )
