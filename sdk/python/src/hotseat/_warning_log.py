"""Log of input warnings, each written once even if a game repeats the request."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hotseat._types import Prediction

log = logging.getLogger("hotseat")

LIMIT = 1_000
"""Maximum number of distinct warnings in the log of one client."""
_ROW = re.compile(r"/inputs/\d+|/input(?=/|$)")


@dataclass(slots=True)
class WarningLog:
    """The warnings logged so far, by model, code and place inside an input."""

    _seen: set[tuple[str | None, str, str]] = field(default_factory=set)

    def log(self, predictions: Iterable[Prediction]) -> None:
        """Log the new warnings of some answers."""
        for prediction in predictions:
            for one in prediction.warnings:
                key = prediction.model, one.code, _ROW.sub("", one.pointer, count=1)
                if key in self._seen or len(self._seen) >= LIMIT:
                    continue
                self._seen.add(key)
                log.warning("%s: %s (%s)", prediction.model, one.detail, one.code)
