"""The first of several addresses that accepts: "Happy Eyeballs" (RFC 8305).

A host often has addresses that lead nowhere, IPv6 without a route above all. Attempts
start 250 ms apart, in turns by family, and the first connection wins.
"""

import errno
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence

from hotseat._dns import Address

DELAY = 0.25
"""Seconds between the starts of two attempts (RFC 8305, section 5)."""
_UNDER_WAY = {errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, errno.EALREADY}
if os.name == "nt":
    _UNDER_WAY.add(errno.WSAEWOULDBLOCK)  # type: ignore[attr-defined]

Option = tuple[int, int, int | bytes]


def connect_first(
    addresses: Sequence[Address], options: Iterable[Option], end: float | None
) -> socket.socket:
    """Return a connected socket; raises `OSError`, `TimeoutError` at `end`.

    `end` is a time of `time.monotonic`; None: no limit.
    """
    waiting, start = deque(in_turns(addresses)), 0.0
    why = OSError("no address")
    with selectors.DefaultSelector() as trying:
        try:
            while waiting or trying.get_map():
                now = time.monotonic()
                if end is not None and now >= end:
                    raise TimeoutError("timed out")
                if waiting and (now >= start or not trying.get_map()):
                    start = now + DELAY
                    try:
                        trying.register(
                            _begun(waiting.popleft(), options), selectors.EVENT_WRITE
                        )
                    except OSError as error:
                        why = error
                    continue
                for key, _ in trying.select(_until(now, start if waiting else end)):
                    connected = trying.unregister(key.fileobj).fileobj
                    assert isinstance(connected, socket.socket)
                    code = connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        return connected
                    connected.close()
                    why, start = OSError(code, os.strerror(code)), 0.0
            raise why
        finally:
            for key in list(trying.get_map().values()):
                assert isinstance(key.fileobj, socket.socket)
                key.fileobj.close()


def in_turns(addresses: Sequence[Address]) -> list[Address]:
    """Return the addresses with families taking turns, the first family first."""
    rest: dict[object, deque[Address]] = {}
    for address in addresses:
        rest.setdefault(address[0], deque()).append(address)
    ordered = []
    while rest:
        for family in list(rest):
            ordered.append(rest[family].popleft())
            if not rest[family]:
                del rest[family]
    return ordered


def _begun(address: Address, options: Iterable[Option]) -> socket.socket:
    family, kind, protocol, _, at = address
    begun = socket.socket(family, kind, protocol)
    code: int | None = None
    try:
        for option in options:
            begun.setsockopt(*option)
        begun.setblocking(False)
        code = begun.connect_ex(at)
    finally:
        if code is None or (code and code not in _UNDER_WAY):
            begun.close()
    if code and code not in _UNDER_WAY:
        raise OSError(code, os.strerror(code))
    return begun


def _until(now: float, at: float | None) -> float | None:
    return None if at is None else max(at - now, 0)
