"""A thread that refreshes aliases in the background and ends with its client."""

import logging
import threading
from collections.abc import Callable

from hotseat.errors import ConfigError

log = logging.getLogger("hotseat")


class AliasRefresher:
    """Calls `renew` at the interval that `every` sets."""

    def __init__(self, renew: Callable[[], None]) -> None:
        self._renew = renew
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def every(self, seconds: float) -> None:
        """Start, unless it is running or `seconds` is 0; raises `ConfigError`."""
        if not 0 <= seconds <= 86_400:
            raise ConfigError(f"refresh is from 0 to 86400 seconds, not {seconds!r}")
        if seconds and self._thread is None and not self._over.is_set():
            self._thread = threading.Thread(
                target=self._follow, args=(seconds,), name="hotseat-follow", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop, within the time limit of one request."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(5)

    def _follow(self, seconds: float) -> None:
        while not self._over.wait(seconds):
            try:
                self._renew()
            except Exception:  # a failed refresh must not end the thread
                log.exception("refreshing the versions on this device failed")
