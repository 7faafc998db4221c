"""A thread that refreshes aliases in the background and ends with its client."""

import logging
import threading
import weakref
from collections.abc import Callable

from hotseat.errors import ConfigError

log = logging.getLogger("hotseat")


class AliasRefresher:
    """Calls `renew` at the interval that `every` sets."""

    def __init__(self, renew: Callable[[], None]) -> None:
        # weak, so that a client dropped without `close` is freed and the thread ends
        self._renew = weakref.WeakMethod(renew)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def every(self, seconds: float) -> None:
        """Start, unless it is running or `seconds` is 0; raises `ConfigError`."""
        if not 0 <= seconds <= 86_400:
            raise ConfigError(f"refresh is from 0 to 86400 seconds, not {seconds!r}")
        if seconds and self._thread is None and not self._over.is_set():
            self._thread = threading.Thread(
                target=_follow,
                args=(self._over, self._renew, seconds),
                name="hotseat-follow",
                daemon=True,
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop; a refresh under way ends by itself."""
        self._over.set()


def _follow(
    over: threading.Event,
    renew: "weakref.WeakMethod[Callable[[], None]]",
    seconds: float,
) -> None:
    while not over.wait(seconds):
        call = renew()
        if call is None:
            return
        try:
            call()
        except Exception:  # a failed refresh must not end the thread
            log.exception("refreshing the versions on this device failed")
        del call
