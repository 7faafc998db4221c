"""The canned lines of versions, as their answers have brought them."""

from typing import Any

_MOST = 1_000


class CannedLines:
    """Lines by the model and the version that a call names; the newest of each.

    A line stands in for a text while the service is away.
    """

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], str] = {}

    def keep(self, model: str, version: int | str | None, line: Any) -> None:
        """Keep the line of an answer, if it has one."""
        if isinstance(line, str) and len(self._lines) < _MOST:
            self._lines[model, str(version)] = line

    def line(self, model: str, version: int | str | None) -> str | None:
        """Return what is known."""
        return self._lines.get((model, str(version)))
