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


def log_to_stderr(level: str) -> None:
    """Write the SDK's log to stderr, as HOTSEAT_LOG asks; never keys or inputs.

    An unknown level counts as debug. Does nothing if the program set up the logger.
    """
    if log.handlers:
        return
    known = {"debug", "info", "warning", "error"}
    log.setLevel(level.upper() if level.lower() in known else logging.DEBUG)
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s hotseat %(levelname)s %(message)s")
    )
    log.addHandler(handler)
