"""What clients of the local server may take."""

from hotseat_registry.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for clients, in seconds except for `connections`."""

    connections: int = 1_000
    receive: float = 30.0
    """Time to receive a whole request, head and body."""
    idle: int = 5
    """Time until the next request on a kept-alive connection begins."""
    grace: int = 5
    """Time for answers in progress after a signal to stop."""
