"""Answers as text for a person, by the kind of the model."""

import json
import sys

from hotseat._types import Prediction


def show(answer: Prediction, *, as_json: bool) -> None:
    """Print an answer; of an item its rows alone, to be piped into a file."""
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
    text = str(answer.value if answer.label is None else answer.label)
    return text if answer.probability is None else f"{text} {answer.probability:.1%}"


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
