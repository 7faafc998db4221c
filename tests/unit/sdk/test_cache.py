"""Answers that are kept: which, how long, how many, and what they say of themselves."""

import json

import pytest

from hotseat import ConfigError, ModelServiceClient, TransportError
from hotseat.testing import FakeTransport

OK = {"label": "ok", "probability": 0.9, "scores": {"ok": 0.9}, "version": 1}


class Clock:
    """A clock to move by hand."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """A clock."""
    return Clock()


@pytest.fixture
def made(clock):
    """Make a client that keeps answers for ten seconds."""

    def make(*answers, seconds=10.0):
        transport = FakeTransport(*answers)
        client = ModelServiceClient(
            transport=transport, cache_seconds=seconds, clock=clock,
            sleep=lambda _: None, deadline=0.1,
        )  # fmt: skip
        return client, transport.requests

    return make


def test_an_answer_is_taken_again_and_says_so(made, clock):
    """Within its time the service is not asked again; then it is."""
    client, asked = made(OK)
    first, second = client.predict("gg"), client.predict("gg")
    assert (first.source, second.source) == ("service", "cache")
    assert (second.label, second.version, second.is_default) == ("ok", 1, False)
    assert len(asked) == 1
    clock.now += 10
    assert client.predict("gg").source == "service"


def test_without_a_time_nothing_is_kept(made):
    """The cache is off unless a game asks for it."""
    client, asked = made(OK, seconds=0.0)
    client.predict("gg"), client.predict("gg")
    assert len(asked) == 2


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(made, seconds):
    """What could not end is a wrong configuration."""
    with pytest.raises(ConfigError, match="cache_seconds"):
        made(OK, seconds=seconds)


def test_another_question_is_another_answer(made):
    """Input, model, version and options tell answers apart; the player does not."""
    client, asked = made(OK)
    client.predict("gg"), client.predict("gg wp")
    client.predict("gg", model="chat"), client.predict("gg", model="chat", version=1)
    client.predict("gg", options={"level": "hard"})
    assert len(asked) == 5
    assert client.predict("gg", player_id="p-1").source == "cache"


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        ({"action": "3", "version": 1}, {}),
        ({"item": ["#"], "seed": 4, "version": 1}, {}),
        (OK, {"seed": 1}),
        (OK, {"temperature": 0.5}),
    ],
)
def test_what_is_drawn_is_asked_again(made, answer, options):
    """Policies, generated items, and whatever has a seed or a temperature."""
    client, asked = made(answer)
    for _ in range(2):
        assert client.predict("gg", options=options).source == "service"
    assert len(asked) == 2


def test_a_default_is_never_kept(made):
    """What stood in for an answer does not stand in the way of one."""
    client, _ = made(TransportError("away"), TransportError("away"), OK)
    assert client.predict("gg", default="none", deadline=1e-3).is_default
    assert client.predict("gg").source == "service"


def test_of_many_only_the_unknown_are_asked(made):
    """A batch is completed from what is known, in its order."""
    client, asked = made(OK, {"predictions": [{"label": "a"}, {"label": "c"}]})
    client.predict("b", model="chat")
    found = client.predict_many(["a", "b", "c"], model="chat")
    assert [(p.label, p.source) for p in found] == [
        ("a", "service"), ("ok", "cache"), ("c", "service"),
    ]  # fmt: skip
    assert json.loads(asked[-1].body) == {"inputs": ["a", "c"]}


def test_a_ticket_of_a_known_answer_is_ready_at_once(made):
    """No thread is woken for it."""
    client, _ = made({"predictions": [OK]})
    assert client.submit("gg").result(wait=5).source == "service"
    ticket = client.submit("gg")
    assert ticket.ready()
    assert ticket.result().source == "cache"
    client.close()


def test_an_alias_that_moved_takes_its_answers_along(made):
    """When one answer is of version 2, those of version 1 are no longer given."""
    client, asked = made(OK, {**OK, "version": 2}, {**OK, "version": 2})
    client.predict("a"), client.predict("b")
    assert client.predict("a").version == 2
    assert len(asked) == 3


def test_a_clock_that_jumps_keeps_no_answer_for_ever(made, clock):
    """Back or forth, an answer is given again only while its age is known."""
    client, asked = made(OK)
    client.predict("gg")
    clock.now -= 1e6
    assert client.predict("gg").source == "service"
    clock.now += 1e6
    assert client.predict("gg").source == "service"
    assert len(asked) == 3
