"""What a model was tuned on, in a file beside it, for the card of its version."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hotseat_train.errors import RunError

FILE = "tuning.json"
_FORMAT = 1
REQUESTS = 24
"""Requests held back that the file keeps, to see how the version answers."""


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """Texts that a model learned from."""

    name: str
    credit: str | None = None
    """Whose they are, and the licence; None: nobody has said."""
    share_alike: str | None = None
    """The licence, if it asks that what is made of the texts is under it, too."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """A tuning, its figures, and requests that were held back from it."""

    base: str
    """The model that was tuned, by its folder's name."""
    system: str
    layers: int
    examples: int
    """That it learned from."""
    held_back: int
    """Of which the perplexities are."""
    before: float
    """Perplexity of a token of an answer, untuned."""
    after: float
    learned_from: tuple[LearnedFrom, ...]
    requests: tuple[str, ...]
    filter: str | None = None
    """What flagged answers that were left out; None: nothing chose among them."""
    left_out: int = 0

    def write(self, folder: Path) -> None:
        """Write it beside the model."""
        document = {"format": _FORMAT, **asdict(self)}
        text = json.dumps(document, ensure_ascii=False, indent=1)
        (folder / FILE).write_text(f"{text}\n", "utf-8")


def read(folder: Path) -> Tuning | None:
    """Return the tuning of a model's folder; None for an untuned one.

    Raises `RunError` for a file that is not one.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_bytes())
        fields = {name: document[name] for name in Tuning.__dataclass_fields__}
        fields["learned_from"] = tuple(
            LearnedFrom(**one) for one in document["learned_from"]
        )
        fields["requests"] = tuple(map(str, document["requests"]))
        found, is_known = Tuning(**fields), document["format"] == _FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    if not is_known:
        raise RunError(f"{path} is of another format: update hotseat")
    return found
