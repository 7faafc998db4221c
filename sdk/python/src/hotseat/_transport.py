"""The one door to the network: a request out, a response or `TransportError` in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hotseat.errors import DeadlineError, TransportError


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Transport(Protocol):
    """Something that sends requests; `hotseat.testing` has one without a network."""

    def send(self, request: Request, timeout: float) -> Response:
        """Return the response within `timeout` seconds; raises `TransportError`."""

    def close(self) -> None:
        """Give back connections."""


class HttpTransport:
    """Requests over pooled connections. Safe for several threads."""

    def __init__(self) -> None:
        import urllib3  # late: a game that only imports the SDK waits less

        from hotseat._pool import open_pool

        self._urllib3 = urllib3
        self._pool = open_pool()

    def send(self, request: Request, timeout: float) -> Response:
        """See `Transport.send`."""
        exceptions = self._urllib3.exceptions
        try:
            response = self._pool.request(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=self._urllib3.Timeout(total=timeout),
                redirect=False,
            )
        except exceptions.TimeoutError as error:
            raise DeadlineError(f"no answer within {timeout:.3g} s") from error
        except exceptions.LocationValueError as error:
            raise TransportError(f"{request.url} is no address: {error}") from error
        except (exceptions.NewConnectionError, exceptions.SSLError) as error:
            raise TransportError(f"{request.url} cannot be reached: {error}") from error
        except exceptions.HTTPError as error:
            raise TransportError(f"{request.url} broke off: {error}") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Response(response.status, headers, response.data)

    def close(self) -> None:
        """See `Transport.close`."""
        self._pool.clear()
