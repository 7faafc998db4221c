"""The retry budget and the circuit breaker."""

import pytest

from hotseat import (
    CircuitOpenError,
    DeadlineError,
    ModelServiceClient,
    TransportError,
)
from hotseat._circuit_breaker import CircuitBreaker
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import AsyncFakeTransport, FakeTransport, Response


class Clock:
    """A clock that is moved by hand, also backwards."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_service_that_is_down_is_left_alone_and_found_again():
    """Five failures open the circuit; then one call looks, and success closes it."""
    clock = Clock()
    transport = FakeTransport(TransportError("down"))
    client = ModelServiceClient(
        transport=transport, clock=clock, sleep=lambda _: None, random=lambda: 0.0,
        deadline=1e-9,
    )  # fmt: skip
    for _ in range(5):
        clock.now += 1e-6
        with pytest.raises(TransportError):
            client.predict("gg", deadline=1.0)
    asked = len(transport.requests)
    with pytest.raises(CircuitOpenError, match="circuit breaker is open"):
        client.predict("gg")
    assert client.predict("gg", default="ok").is_default
    assert (len(transport.requests), client.circuit_opened_count) == (asked, 1)
    clock.now += 1.1
    transport._answers[:] = [{"label": "ok"}]
    assert client.predict("gg", deadline=1.0).label == "ok"
    assert client.predict("gg", deadline=1.0).label == "ok"


@pytest.mark.parametrize("make", [ModelServiceClient, AsyncModelServiceClient])
def test_the_count_is_still_read_by_its_old_name(make):
    """For one release `openings` gives the same number, with a warning."""
    fakes = {
        ModelServiceClient: FakeTransport,
        AsyncModelServiceClient: AsyncFakeTransport,
    }
    client = make(transport=fakes[make]({"label": "ok"}))
    client._core.breakers.of("chat").opened_count = 3
    with pytest.warns(DeprecationWarning, match="circuit_opened_count"):
        assert client.openings == client.circuit_opened_count == 3


def test_a_broken_model_silences_no_other():
    """Each model has a circuit of its own."""

    def answer(request):
        bad = "/bad/" in request.url
        return Response(500, {}, b'{"detail": "d"}') if bad else {"label": "ok"}

    client = ModelServiceClient(transport=FakeTransport(answer))
    for _ in range(6):
        client.predict("gg", model="bad", default="d")
    assert client.circuit_opened_count == 1
    assert client.predict("gg", model="good").source == "service"


def test_a_callers_tiny_deadline_says_little_about_the_service():
    """A missed deadline counts as its share of the client's own."""
    client = ModelServiceClient(transport=FakeTransport(DeadlineError("late")))
    for _ in range(20):
        client.predict({}, model="levels", deadline=0.1, default="d")
    assert client.circuit_opened_count == 0
    for _ in range(5):
        client.predict({}, model="levels", default="d")
    assert client.circuit_opened_count == 1


def test_retries_are_a_tenth_of_what_succeeds():
    """Ten tokens to begin with; each success earns a tenth of one."""
    breaker = CircuitBreaker(Clock())
    assert [breaker.may_retry() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(10):
        breaker.succeeded()
    assert [breaker.may_retry() for _ in range(2)] == [True, False]


def test_a_hook_hears_of_every_call():
    """Path, tries, status and error, when the call is over."""
    heard = []
    client = ModelServiceClient(
        transport=FakeTransport({"label": "ok"}), hook=heard.append
    )
    client.predict("gg")
    (call,) = heard
    assert (call.path, call.tries, call.status, call.error) == (
        "/model-service", 1, 200, "",
    )  # fmt: skip
