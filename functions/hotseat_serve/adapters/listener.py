"""Open the socket of the local server: TCP or a Unix socket, with TLS or without."""

import socket
import ssl
import stat
from pathlib import Path

from hotseat_registry.dataclass import dataclass

_BACKLOG = 2048
_MODE = 0o660
"""Rights on a Unix socket: its owner and group may connect."""


class ListenError(Exception):
    """The server cannot listen there; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes connections, and its address for people."""

    socket: socket.socket
    url: str
    """Such as ``http://127.0.0.1:8080``; ``http://localhost`` for a Unix socket."""
    curl: str = "curl"
    """The command that sends a request there."""
    path: Path | None = None
    """The Unix socket's file."""

    def close(self) -> None:
        """Close the socket, and remove its file."""
        self.socket.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def listen(
    host: str, port: int, *, secure: bool = False, flag: str = "--port"
) -> Listener:
    """Listen on an address, which `flag` sets; raises `ListenError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # named TCP, or asyncio leaves Nagle's algorithm on and each answer waits 40 ms
    listener = socket.socket(family, proto=socket.IPPROTO_TCP)
    # a restart may take the port again at once
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)  # whoever reads the address may connect
    except (OSError, OverflowError) as error:
        listener.close()
        raise ListenError(
            f"cannot listen on {host}:{port}: {error}; choose another with {flag}"
        ) from error
    host, port = listener.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    scheme = "https" if secure else "http"
    return Listener(listener, f"{scheme}://{named}:{port}")


def listen_unix(path: Path, *, secure: bool = False) -> Listener:
    """Listen on a Unix socket; raises `ListenError`.

    The file of a server that has ended is replaced; one that answers is not.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise ListenError("this system has no Unix sockets: use --port")
    if path.exists():
        _check_abandoned(path)
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(_MODE)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen on {path}: {error}") from error
    scheme = "https" if secure else "http"
    curl = f"curl --unix-socket {path}"
    return Listener(listener, f"{scheme}://localhost", curl, path)


def _check_abandoned(path: Path) -> None:
    """Raise `ListenError` for a file that is no socket, or one with a server."""
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise ListenError(f"{path} is no socket: choose another with --unix")
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise ListenError(f"another server listens on {path}")


def check_certificate(certificate: Path, key: Path | None) -> None:
    """Raise `ListenError` for a certificate or key that TLS cannot use."""
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            certificate, key
        )
    except (OSError, ssl.SSLError) as error:
        raise ListenError(
            f"cannot use --certificate {certificate} with --key {key}: {error}"
        ) from error
