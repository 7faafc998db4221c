"""Tickets: what a game loop gets instead of waiting."""

import json
import os
import pickle
import threading
import time

import pytest

from hotseat import (
    BadInputError,
    CancelledError,
    ConfigError,
    DeadlineError,
    ModelServiceClient,
    NotReadyError,
    TransportError,
    _ticket,
)
from hotseat.testing import FakeTransport, Response


class Echo:
    """A service that answers each input with itself, when it is allowed to."""

    def __init__(self):
        self.requests, self.gate = [], threading.Event()
        self.gate.set()

    def send(self, request, timeout):
        self.gate.wait(timeout)
        body = json.loads(request.body)
        self.requests.append(body["inputs"])
        if "bad" in body["inputs"]:
            at = body["inputs"].index("bad")
            problem = {
                "code": "invalid_input",
                "detail": "x",
                "pointer": f"/inputs/{at}",
            }
            return Response(422, {}, json.dumps(problem).encode())
        answers = [
            {"label": one} if isinstance(one, str) else {"value": one}
            for one in body["inputs"]
        ]
        return Response(200, {}, json.dumps({"predictions": answers}).encode())

    def close(self):
        """Nothing to close."""


@pytest.fixture
def echo():
    """The service."""
    return Echo()


@pytest.fixture
def client(echo):
    """A client of it, closed at the end."""
    with ModelServiceClient(transport=echo) as made:
        yield made


def test_inputs_of_one_frame_are_one_request(client, echo):
    """Each ticket gets its own answer, and the service was asked once or twice."""
    tickets = [client.submit(f"line {number}") for number in range(20)]
    labels = [ticket.result(wait=5).label for ticket in tickets]
    assert labels == [f"line {number}" for number in range(20)]
    assert len(echo.requests) <= 2


def test_different_questions_go_apart(client, echo):
    """Model, version, options and player are never mixed in one request."""
    one = client.submit("a", model="chat")
    two = client.submit("b", model="mood")
    three = client.submit("c", model="chat", options={"seed": 1})
    assert [t.result(wait=5).label for t in (one, two, three)] == ["a", "b", "c"]
    assert sorted(echo.requests) == [["a"], ["b"], ["c"]]


def test_before_the_answer_there_is_the_default(client, echo):
    """A ticket that is not ready gives the default at once, or says so."""
    echo.gate.clear()
    ticket = client.submit("gg")
    assert not ticket.ready()
    assert ticket.result(default="ok").is_default
    with pytest.raises(NotReadyError):
        ticket.result()
    echo.gate.set()
    assert ticket.result(wait=5).label == "gg"
    assert ticket.ready()


def test_one_bad_input_does_not_spoil_the_others(client):
    """Who shares a request with it is asked again alone."""
    tickets = [client.submit(text) for text in ("a", "bad", "c")]
    assert tickets[0].result(wait=5).label == "a"
    with pytest.raises(BadInputError):
        tickets[1].result(wait=5)
    assert tickets[2].result(wait=5).label == "c"


def test_a_cancelled_ticket_is_settled(client, echo):
    """It is ready, raises, and its answer is not waited for."""
    echo.gate.clear()
    ticket = client.submit("gg")
    assert ticket.cancel()
    assert not ticket.cancel()
    with pytest.raises(CancelledError):
        ticket.result()
    echo.gate.set()


def test_closing_settles_what_is_open(echo):
    """No thread and no ticket is left behind, and later ones are refused."""
    before = threading.active_count()
    client = ModelServiceClient(transport=echo)
    done = client.submit("gg")
    assert done.result(wait=5).label == "gg"
    client.close()
    assert threading.active_count() <= before
    with pytest.raises(CancelledError):
        client.submit("late").result()


def test_errors_reach_the_ticket():
    """A service that is away settles tickets with its error, or the default."""
    away = FakeTransport(TransportError("cable pulled"))
    with ModelServiceClient(transport=away, deadline=0.05) as client:
        ticket = client.submit("gg")
        with pytest.raises(TransportError):
            ticket.result(wait=5)
        assert ticket.result(default="ok").label == "ok"


def test_ten_thousand_tickets_leave_no_thread_behind(echo):
    """All are answered rightly by a handful of threads, which end with the client."""
    before = threading.active_count()
    with ModelServiceClient(transport=echo) as client:
        tickets = []

        def submit(part):
            made = [(n, client.submit(f"{part}-{n}")) for n in range(1000)]
            tickets.extend((part, n, ticket) for n, ticket in made)

        threads = [threading.Thread(target=submit, args=[p]) for p in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(tickets) == 10_000
        for part, number, ticket in tickets:
            assert ticket.result(wait=30).label == f"{part}-{number}"
        assert threading.active_count() <= before + 4
    assert threading.active_count() <= before


def test_a_client_is_not_pickled():
    """The refusal says what to do instead."""
    with pytest.raises(TypeError, match="make one a process"):
        pickle.dumps(ModelServiceClient(transport=FakeTransport({})))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_client_works_on_in_a_forked_process(echo):
    """The child's copy answers, by call and by ticket; so does the parent's."""
    client = ModelServiceClient(transport=echo)
    open_ticket = client.submit("gg")
    child = os.fork()
    if not child:
        try:
            good = client.predict_many(["gg"])[0].label == "gg"
            good &= client.submit("gg").result(wait=5).label == "gg"
            good &= open_ticket.ready()
            os._exit(7 if good else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert client.predict_many(["gg"])[0].label == "gg"
    assert open_ticket.result(wait=5).label == "gg"
    client.close()


def test_a_token_is_fetched_for_each_call_and_shown_nowhere():
    """A function's token goes as a bearer; neither repr nor request show it."""
    tokens = iter(["first", "second"])
    transport = FakeTransport({"label": "ok"})
    client = ModelServiceClient(transport=transport, api_key=lambda: next(tokens))
    client.predict("a"), client.predict("b")
    sent = [request.headers["authorization"] for request in transport.requests]
    assert sent == ["Bearer first", "Bearer second"]
    assert "first" not in repr(client) + repr(transport.requests)


def test_a_frame_is_never_held_up(echo):
    """One second of a 60 Hz loop, the service cut off in the middle of it.

    Each frame submits and asks; the loop's own work takes no part of the measure. The
    bound is generous, because machines that test are shared.
    """
    slow, answered, cut = 0, [], 0
    with ModelServiceClient(transport=echo, deadline=0.3) as client:
        open_ = []
        for frame in range(60):
            if frame == 20:
                echo.gate.clear()
            if frame == 40:
                echo.gate.set()
            began = time.perf_counter()
            open_.append(client.submit(f"{frame}"))
            for ticket in [t for t in open_ if t.ready()]:
                open_.remove(ticket)
                answer = ticket.result(default="none")
                (answered.append(frame) if not answer.is_default else None)
                cut += answer.is_default
            slow += time.perf_counter() - began > 0.005
            time.sleep(1 / 60)
        assert slow <= 6
        assert any(frame < 20 for frame in answered)
        assert any(frame > 45 for frame in answered)


def test_a_board_is_asked_as_it_was(client):
    """What the game changes after submitting is not what is asked about."""
    board = ["a"]
    ticket = client.submit({"board": board})
    board[0] = "b"
    assert ticket.result(wait=5).value == {"board": ["a"]}


def test_what_cannot_be_asked_is_told_at_once(client):
    """A mistake of the game's is raised where it is made, not in a later frame."""
    with pytest.raises(ConfigError, match="not JSON"):
        client.submit(object())
    with pytest.raises(ConfigError, match="deadline"):
        client.submit("gg", deadline=1e9)


def test_window_and_batch_are_the_games_to_choose(echo):
    """At most `batch` inputs go in one request, of those of `window` seconds."""
    with ModelServiceClient(transport=echo, window=0.05, batch=3) as client:
        tickets = [client.submit(f"{number}") for number in range(7)]
        for ticket in tickets:
            ticket.result(wait=5)
    assert sorted(map(len, echo.requests)) == [1, 3, 3]
    for wrong in ({"window": -1}, {"window": 2}, {"batch": 0}):
        with pytest.raises(ConfigError):
            ModelServiceClient(transport=echo, **wrong)


def test_a_tickets_time_counts_from_its_frame():
    """What waited too long for its turn is not sent; its default stands in."""
    gate, sent = threading.Event(), []

    class Slow(FakeTransport):
        def send(self, request, timeout):
            sent.append(json.loads(request.body)["inputs"])
            gate.wait(timeout)
            raise DeadlineError("late")

    with ModelServiceClient(transport=Slow({}), window=0.001) as client:
        first = [
            client.submit(f"{n}", player_id=f"{n}", deadline=0.3) for n in range(4)
        ]
        time.sleep(0.1)  # all four senders are waiting for their answers
        late = client.submit("late", deadline=0.05)
        for ticket in [*first, late]:
            assert ticket.result("none", wait=5).is_default
        with pytest.raises(DeadlineError):
            late.result()
    assert ["late"] not in sent


def test_a_fault_of_the_sdk_leaves_no_ticket_open(echo, monkeypatch):
    """Whatever is raised inside, the game hears a documented error."""
    with ModelServiceClient(transport=echo) as client:
        monkeypatch.setattr(client._batcher, "_send_rows", lambda *_: 1 / 0)
        with pytest.raises(TransportError, match="ZeroDivisionError"):
            client.submit("gg").result(wait=5)
        monkeypatch.undo()
        assert client.submit("gg").result(wait=5).label == "gg"


def test_a_hook_that_fails_stops_nothing(echo, caplog):
    """What counts calls is told in the log, and the game goes on."""

    def hook(_call):
        raise RuntimeError("no disk")

    with ModelServiceClient(transport=echo, hook=hook) as client:
        assert client.submit("gg").result(wait=5).label == "gg"
    assert "the hook failed" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_closes_nothing_and_makes_its_own(echo):
    """After a fork with threads at work, a client of the child's own answers."""
    with ModelServiceClient(transport=echo) as client:
        client.submit("gg").result(wait=5)
        with _ticket._settling:  # as if another thread were just settling
            child = os.fork()
            if not child:
                client.close()
                with ModelServiceClient(transport=Echo()) as own:
                    good = own.submit("gg").result(wait=5).label == "gg"
                os._exit(7 if good else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert client.submit("gg").result(wait=5).label == "gg"


def test_a_clock_that_jumps_opens_and_closes_as_ever():
    """Forth or back by days, calls are neither kept waiting nor let loose for ever."""
    now = [1e6]
    transport = FakeTransport(TransportError("away"))
    client = ModelServiceClient(
        transport=transport, clock=lambda: now[0], sleep=lambda _: None
    )
    for _ in range(9):
        client.predict("gg", default="ok")
    assert client.circuit_opened_count
    transport._answers = [{"label": "gg"}]
    for jump in (-86_400.0, 86_400.0):
        assert client.predict("gg", default="ok").is_default
        now[0] += jump
        assert client.predict("gg").label == "gg"
        transport._answers = [TransportError("away")]
        for _ in range(9):
            client.predict("gg", default="ok")
        transport._answers = [{"label": "gg"}]


def test_closing_ends_a_call_under_way_at_once(echo):
    """Tickets are settled and threads let go, however long the deadline is."""
    echo.gate.clear()
    client = ModelServiceClient(transport=echo, deadline=30)
    tickets = [client.submit("gg", model=f"m{n}") for n in range(8)]
    time.sleep(0.05)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 0.5
    for ticket in tickets:
        with pytest.raises(CancelledError):
            ticket.result()
    echo.gate.set()


def test_a_client_dropped_without_close_leaves_no_thread(echo):
    """Its tickets are answered, then its threads end."""
    before = threading.active_count()
    tickets = [ModelServiceClient(transport=echo).submit("gg") for _ in range(5)]
    assert {ticket.result(wait=5).label for ticket in tickets} == {"gg"}
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_boards_wishes_and_explanations_have_tickets():
    """Each method has a form for a frame loop, with the same arguments."""
    transport = FakeTransport(
        {"predictions": [{"action": "3"}]},
        {"predictions": [{"item": ["#"]}]},
        {"label": "ok", "parts": []},
    )
    with ModelServiceClient(transport=transport) as client:
        move = client.submit_choose([[0]], model="four", level="easy", legal=[3])
        assert move.result(wait=5).action == "3"
        level = client.submit_generate({"boxes": 2}, model="levels", seed=1)
        assert level.result(wait=5).item == ("#",)
        assert client.submit_explain("gg", model="chat").result(wait=5).label == "ok"
    sent = [json.loads(request.body) for request in transport.requests]
    assert sent[0]["options"] == {"level": "easy"}
    assert sent[0]["inputs"] == [{"board": [[0]], "legal": [3]}]
    assert sent[1]["options"] == {"seed": 1}
    assert transport.requests[2].url.endswith("/explain")
    assert sent[2]["input"] == "gg"


def test_other_options_over_the_same_connections():
    """A view of a client has its own deadline and number of retries."""
    transport = FakeTransport(TransportError("away"))
    with ModelServiceClient(transport=transport, sleep=lambda _: None) as client:
        patient = client.with_options(deadline=9, retries=1)
        with pytest.raises(TransportError):
            patient.predict("gg")
        assert len(transport.requests) == 2
        assert int(transport.requests[0].headers["deadline-ms"]) > 8000
        patient.close()
        assert not transport.closed
        with pytest.raises(ConfigError, match="retries"):
            client.with_options(retries=-1)
    assert transport.closed
