"""Which Host headers are this machine's."""

import pytest

from hotseat_serve.adapters.host_rule import is_loopback, is_own_host


@pytest.mark.parametrize(
    "header",
    ["", "localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080",
     "[fe80::1]", "192.168.7.3:80", "game.localhost:8080",
     "host.docker.internal:8080"],
)  # fmt: skip
def test_addresses_and_localhost_are_its_own(header):
    """No other site can carry an IP address as its name."""
    assert is_own_host(header)


@pytest.mark.parametrize(
    "header",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil",
     "notlocalhost", "x", "[evil.example]", "127.0.0.1@evil.example", "1.2.3",
     "127.0.0.1, evil.example", "\u0661.1.1.1"],
)  # fmt: skip
def test_names_of_other_sites_are_not(header):
    """Whatever a name begins or ends with."""
    assert not is_own_host(header)


def test_loopback_is_what_no_other_machine_reaches():
    """0.0.0.0 listens to every network."""
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "myhost")))
