"""The log of warnings: each once, however often a game asks the same."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hotseat._types import Prediction

log = logging.getLogger("hotseat")

LIMIT = 1_000
"""Different warnings that are logged by one client."""
_ROW = re.compile(r"/inputs/\d+|/input(?=/|$)")


@dataclass(slots=True)
class WarningLog:
    """What was logged, by model, code and the place inside an input."""

    _seen: set[tuple[str | None, str, str]] = field(default_factory=set)

    def log(self, predictions: Iterable[Prediction]) -> None:
        """Log the warnings of answers that were not logged before."""
        for prediction in predictions:
            for one in prediction.warnings:
                key = prediction.model, one.code, _ROW.sub("", one.pointer, count=1)
                if key in self._seen or len(self._seen) >= LIMIT:
                    continue
                self._seen.add(key)
                log.warning("%s: %s (%s)", prediction.model, one.detail, one.code)
