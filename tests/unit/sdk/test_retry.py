"""When the SDK tries again: the pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat import ModelServiceClient, _retry, errors
from hotseat.testing import FakeTransport, Response

AWAY = errors.TransportError("away")


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_jittered_and_capped(attempt, random):
    """However many attempts, a pause is between nothing and its cap."""
    ceiling = min(_retry.LARGEST, _retry.FIRST * 2 ** min(attempt, 20))
    assert _retry.pause(attempt, random, AWAY) == pytest.approx(random * ceiling)


def test_retry_after_is_the_least_to_wait():
    """A Retry-After is kept, and one of 0 does not end the backoff."""

    def busy(seconds):
        return errors.UnavailableError(
            "busy", status=503, retryable=True, retry_after=seconds
        )

    assert _retry.pause(0, 0.9, busy(3.0)) == 3.0
    assert _retry.pause(9, 0.9, busy(0.0)) == 0.9


def test_a_service_that_says_at_once_gets_no_storm():
    """Retry-After 0 from a failing service: a handful of requests, not thousands."""
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    transport = FakeTransport(Response(503, {"retry-after": "0"}, b"{}"))
    asker = ModelServiceClient(
        "http://x",
        transport=transport,
        deadline=2.0,
        clock=lambda: now[0],
        sleep=sleep,
        random=lambda: 0.5,
    )
    with pytest.raises(errors.UnavailableError):
        asker.predict("x")
    assert len(transport.requests) == 8  # 25, 50, 100, 200, 400, 500, 500 ms between


@pytest.mark.parametrize("after", ["²", "-1", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_retry_after_that_is_no_number_is_passed_over(after):
    """A header of garbage is no crash: the backoff stands."""
    busy = Response(503, {"retry-after": after}, b"{}")
    transport = FakeTransport(busy, {"label": "a"})
    asker = ModelServiceClient("http://x", transport=transport, sleep=lambda _: None)
    assert asker.predict("x").label == "a"


@pytest.mark.parametrize(
    ("status", "body", "times"),
    [
        (503, b'{"retryable": false}', 1),
        (500, b'{"retryable": true}', 2),
        (500, b'{"retryable": "yes"}', 1),
        (504, b"upstream timed out", 2),
        (500, b'{"message": "Internal Server Error"}', 1),
    ],
)
def test_the_service_decides_and_a_gateway_only_by_status(status, body, times):
    """`retryable` is obeyed both ways; where it is missing the status decides."""
    transport = FakeTransport(Response(status, {}, body), {"label": "a"})
    asker = ModelServiceClient("http://x", transport=transport, sleep=lambda _: None)
    asker.predict("x", default="ok")
    assert len(transport.requests) == times
