"""DNS look-ups with a deadline.

The system's look-up has no deadline: without a network it may take half a minute. It
runs in a thread of its own, one thread for each name at a time. The thread continues
after its caller's deadline, and the next call uses its result.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

Address = tuple[Any, ...]
"""A result of `socket.getaddrinfo`: family, kind, protocol, name, address."""
Resolve = Callable[[str, int], list[Address]]


def _resolve(host: str, port: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


@dataclass(slots=True)
class _Lookup:
    done: threading.Event = field(default_factory=threading.Event)
    addresses: list[Address] = field(default_factory=list)
    error: OSError | None = None
    wake: list[Callable[[], None]] = field(default_factory=list)


class DnsResolver:
    """Resolves names, with at most one thread for each."""

    def __init__(self, resolve: Resolve = _resolve) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._looking: dict[tuple[str, int], _Lookup] = {}

    def addresses(self, host: str, port: int, seconds: float) -> list[Address]:
        """Return a name's addresses; raises `OSError`, `TimeoutError` among them."""
        if _is_number(host):
            return self._resolve(host, port)
        looking = self._started(host, port)
        if not looking.done.wait(seconds):
            raise TimeoutError(f"no address of {host} within {seconds:.3g} s")
        if looking.error is not None:
            raise looking.error
        return looking.addresses

    async def find(self, host: str, port: int) -> list[Address]:
        """Return a name's addresses without holding up an event loop.

        Raises `OSError`. A caller that is cancelled leaves the look-up running.
        """
        if _is_number(host):
            return self._resolve(host, port)
        import asyncio  # imported late: a synchronous client does without

        looking, loop = self._started(host, port), asyncio.get_running_loop()
        found: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed by now
                loop.call_soon_threadsafe(_set, found)

        with self._lock:
            looking.wake.append(wake)
        if looking.done.is_set():
            wake()
        await found
        if looking.error is not None:
            raise looking.error
        return looking.addresses

    def _started(self, host: str, port: int) -> _Lookup:
        """Return the look-up of a name that is under way, or start one."""
        with self._lock:
            looking = self._looking.get((host, port))
            if looking is None:
                looking = self._looking[host, port] = _Lookup()
                threading.Thread(
                    target=self._look,
                    args=(host, port, looking),
                    name="hotseat-lookup",
                    daemon=True,
                ).start()
        return looking

    def _look(self, host: str, port: int, looking: _Lookup) -> None:
        try:
            looking.addresses = self._resolve(host, port)
        except OSError as error:
            looking.error = error
        except Exception as error:  # noqa: BLE001 (a name that IDNA cannot encode)
            looking.error = OSError(f"{host!r} is not a valid name: {error}")
        finally:
            with self._lock:
                del self._looking[host, port]
            looking.done.set()
            with self._lock:
                wakes = list(looking.wake)
            for wake in wakes:
                wake()


def _set(found: "asyncio.Future[None]") -> None:
    if not found.done():
        found.set_result(None)


def _is_number(host: str) -> bool:
    """Whether a host is an IP address, which needs no look-up."""
    return ":" in host or host.replace(".", "").isdigit()
