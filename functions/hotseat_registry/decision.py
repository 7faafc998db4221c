"""How a version decides on a row: operating points, scripts, a conversation's lines."""

from collections.abc import Mapping

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import JsonDataclass, set_frozen_field
from hotseat_registry.scripts import SCRIPTS


@dataclass(frozen=True, slots=True)
class OperatingPoint(JsonDataclass):
    """A threshold of the score, and what it costs."""

    threshold: float
    """A row is flagged whose score is as high or higher."""
    false_positive_rate: float
    """The share of the neutral validation rows that it flags, as intended."""


@dataclass(frozen=True, slots=True)
class ScriptDecision(JsonDataclass):
    """What decides on the rows that hold a character of one script.

    It was chosen on such rows alone: a model of two languages may be calibrated
    differently in each. A conversation's context does not count for them.
    """

    operating_points: Mapping[str, OperatingPoint]
    """By name; the names are the decision's."""
    offset: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Read the nested records; raises `IntegrityError`."""
        set_frozen_field(self, "operating_points", _points(self.operating_points))


@dataclass(frozen=True, slots=True)
class Conversation(JsonDataclass):
    """How earlier lines change the decision on a line.

    With `context`, the last lines of a conversation, the score's log odds are `offset`
    + `scale` * own + `weight` * highest: the log odds of the line and the highest ones
    of the context's lines.
    """

    offset: float
    scale: float
    weight: float
    lines: int = 8
    """So many of the last lines of a context count."""
    history: int = 32
    """So many of the last lines of a player count."""
    review: float = 0.01
    """A person should look at a player whose flagged lines have at most this
    probability if all of their lines were neutral."""

    def __post_init__(self) -> None:
        """Check the numbers; raises `IntegrityError`."""
        if not (1 <= self.lines <= 256 and 1 <= self.history <= 256):
            raise IntegrityError("conversation: lines and history are from 1 to 256")
        if not 0 < self.review < 1:
            raise IntegrityError("conversation: review is a number between 0 and 1")


@dataclass(frozen=True, slots=True)
class Decision(JsonDataclass):
    """Which rows are flagged: those whose score reaches an operating point.

    The score is calibrated (Platt 1999): its log odds are `offset` + `scale` * those of
    the sum of the labels' probabilities.
    """

    labels: tuple[str, ...]
    """Their probabilities add up."""
    operating_points: Mapping[str, OperatingPoint]
    """By name."""
    default: str
    """The operating point of a request that names none."""
    offset: float = 0.0
    scale: float = 1.0
    conversation: Conversation | None = None
    """None: a request takes neither context nor history."""
    scripts: Mapping[str, ScriptDecision] | None = None
    """By the script's name in `SCRIPTS`, for rows that hold a character of it; of
    several the first counts. None: all rows are decided on alike."""
    severity: Mapping[str, int] | None = None
    """How grave each category is, from 1 for the mildest on; None: it is not rated."""

    def __post_init__(self) -> None:
        """Read the nested records; raises `IntegrityError`."""
        set_frozen_field(self, "labels", tuple(self.labels))
        points = _points(self.operating_points)
        set_frozen_field(self, "operating_points", points)
        if isinstance(self.conversation, Mapping):
            set_frozen_field(
                self, "conversation", Conversation.from_json(self.conversation)
            )
        if self.default not in points:
            raise IntegrityError(
                f"decision: the default {self.default!r} is no operating point"
            )
        for name, value in (self.severity or {}).items():
            if type(value) is not int or value < 1:
                raise IntegrityError(
                    f"decision: the severity of {name!r} is a whole number from 1 on"
                )
        if self.scripts is not None:
            self._read_scripts(self.scripts)

    def _read_scripts(self, scripts: Mapping[str, ScriptDecision]) -> None:
        found = {
            name: item
            if isinstance(item, ScriptDecision)
            else ScriptDecision.from_json(item)
            for name, item in scripts.items()
        }
        set_frozen_field(self, "scripts", found)
        for name, item in found.items():
            if name not in SCRIPTS:
                raise IntegrityError(
                    f"decision: the script {name!r} is none of {', '.join(SCRIPTS)}"
                )
            if item.operating_points.keys() != self.operating_points.keys():
                raise IntegrityError(
                    f"decision: the script {name!r} has other operating points than "
                    "the rest"
                )


def _points(given: Mapping[str, OperatingPoint]) -> dict[str, OperatingPoint]:
    return {
        name: item
        if isinstance(item, OperatingPoint)
        else OperatingPoint.from_json(item)
        for name, item in given.items()
    }
