"""Which Host headers a local server accepts.

A web page that a developer visits may resolve its own name to 127.0.0.1 (DNS
rebinding) and then read this server as its own origin. Its requests carry the page's
name as Host; a browser cannot change that.
"""

import ipaddress

_LOCAL = frozenset({"localhost", "host.containers.internal", "host.docker.internal"})


def is_loopback(address: str) -> bool:
    """Whether a server on this address is reached from its own machine alone."""
    return address == "localhost" or (_is_ip(address) and _ip(address).is_loopback)


def is_own_host(header: str) -> bool:
    """Whether a Host header names this machine: an IP address, or localhost.

    No other site can have an IP address as its name, so a browser sends one only where
    the page itself came from there. Names of container hosts resolve in containers
    alone. A request without Host (HTTP/1.0) comes from no browser.
    """
    name = _name(header.strip().lower())
    return not name or name in _LOCAL or name.endswith(".localhost") or _is_ip(name)


def _name(header: str) -> str:
    """Return the header without its port and without an IPv6 address's brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_ip(text: str) -> bool:
    try:
        _ip(text)
    except ValueError:
        return False
    return True


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)
