"""The SDK's client, without a network."""

import inspect
import json

import pytest

import hotseat
from hotseat import ModelServiceClient, errors
from hotseat.testing import FakeTransport, Response

ANSWER = {
    "label": "positive",
    "probability": 0.9,
    "scores": {"negative": 0.1, "positive": 0.9},
    "model": "mood",
    "version": 3,
    "variant": "fp32",
    "request_id": "r-1",
}


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time():
    """A clock to hand to the client."""
    return Time()


@pytest.fixture
def client(time, monkeypatch):
    """Make a client with canned answers."""
    monkeypatch.delenv("HOTSEAT_URL", raising=False)
    monkeypatch.delenv("HOTSEAT_API_KEY", raising=False)

    def make(*answers, **options):
        transport = FakeTransport(*answers)
        options = {"clock": time.clock, "sleep": time.sleep, **options}
        return ModelServiceClient(transport=transport, **options), transport

    return make


def problem(status, *, retryable=False, headers=None, **fields):
    """A problem document as the service sends it."""
    fields |= {"retryable": retryable, "request_id": "r-9"}
    return Response(status, headers or {}, json.dumps(fields).encode())


def test_a_text_is_asked_of_the_default_model(client):
    """A text alone goes to /model-service and comes back as a prediction."""
    asker, transport = client(ANSWER)
    answer = asker.predict("这是一个简单的文本分类任务", player_id="p-1")
    request = transport.requests[0]
    assert (request.method, request.url) == (
        "POST",
        "http://localhost:8080/model-service",
    )
    assert json.loads(request.body) == {
        "text": "这是一个简单的文本分类任务",
        "player_id": "p-1",
    }
    assert (answer.label, answer.probability) == ("positive", 0.9)
    assert answer.scores == {"negative": 0.1, "positive": 0.9}
    assert (answer.model, answer.version, answer.variant) == ("mood", 3, "fp32")
    assert (answer.request_id, answer.is_default) == ("r-1", False)


def test_a_model_and_version_are_in_the_path(client):
    """A named model is asked by its path, its version by number or alias."""
    asker, transport = client(ANSWER)
    asker.predict({"level": 3}, model="churn")
    asker.predict("x", model="mood", version=2)
    asker.predict("x", model="mood", version="canary")
    assert [request.url.partition("8080")[2] for request in transport.requests] == [
        "/v1/models/churn/predict",
        "/v1/models/mood/versions/2/predict",
        "/v1/models/mood/versions/canary/predict",
    ]
    assert json.loads(transport.requests[0].body) == {"input": {"level": 3}}


def test_many_are_asked_in_one_request(client):
    """A list of inputs is one request, answered in order."""
    source = {key: ANSWER[key] for key in ("model", "version", "variant", "request_id")}
    asker, transport = client(
        {"predictions": [{"label": "a"}, {"label": "b"}], **source}
    )
    answers = asker.predict_many(["x", "y"], model="mood")
    assert [answer.label for answer in answers] == ["a", "b"]
    assert {answer.version for answer in answers} == {3}
    assert len(transport.requests) == 1


def test_the_address_is_the_argument_then_the_environment(client, monkeypatch):
    """An argument wins over HOTSEAT_URL, and that over localhost."""
    monkeypatch.setenv("HOTSEAT_URL", "https://env.example/")
    assert client(ANSWER)[0].base_url == "https://env.example"
    assert client(ANSWER, base_url="http://arg")[0].base_url == "http://arg"
    with pytest.raises(errors.ConfigError, match="HOTSEAT_URL"):
        client(ANSWER, base_url="game.example")


def test_the_key_is_sent_and_never_shown(client):
    """The API key is in the header, and in no repr or error."""
    asker, transport = client(problem(403), api_key="s3cret")
    with pytest.raises(errors.AuthError) as caught:
        asker.predict("x")
    assert transport.requests[0].headers["x-api-key"] == "s3cret"
    for text in (repr(asker), repr(transport.requests[0]), repr(caught.value)):
        assert "s3cret" not in text


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadInputError),
        (401, errors.AuthError),
        (404, errors.NotFoundError),
        (405, errors.BadInputError),
        (413, errors.TooLargeError),
        (422, errors.BadInputError),
        (429, errors.RateLimitedError),
        (500, errors.UnavailableError),
        (302, errors.StatusError),
    ],
)
def test_a_status_is_raised_as_its_class(client, status, kind):
    """Each status has a class; its text names code, place and request."""
    asker, _ = client(problem(status, code="some_code", detail="why", pointer="/text"))
    with pytest.raises(kind) as caught:
        asker.predict("x")
    assert type(caught.value) is kind
    assert str(caught.value) == f"{status} some_code at /text: why (request r-9)"


def test_what_the_service_calls_retryable_is_tried_again(client, time):
    """503 then an answer is an answer, after a short pause."""
    asker, transport = client(problem(503, retryable=True), ANSWER)
    assert asker.predict("x").label == "positive"
    assert len(transport.requests) == 2
    assert 0 <= time.slept[0] < 0.05


def test_retry_after_is_obeyed_within_the_deadline(client, time):
    """The service's own pause is kept, and none that ends past the deadline."""
    wait = problem(503, retryable=True, headers={"retry-after": "1"})
    asker, _ = client(wait, ANSWER)
    asker.predict("x")
    assert time.slept == [1.0]
    asker, transport = client(wait)
    with pytest.raises(errors.UnavailableError):
        asker.predict("x", deadline=0.5)
    assert len(transport.requests) == 1


def test_what_is_not_retryable_is_sent_once(client):
    """A 500 that the service calls final, and a deadline, are not repeated."""
    for answer in (problem(500), errors.DeadlineError("late")):
        asker, transport = client(answer)
        with pytest.raises(errors.HotseatError):
            asker.predict("x")
        assert len(transport.requests) == 1


def test_retries_end_with_the_deadline(client, time):
    """However often it fails, a call takes no longer than it may."""
    asker, transport = client(errors.TransportError("cable pulled"))
    with pytest.raises(errors.TransportError, match="cable pulled"):
        asker.predict("x", deadline=0.5)
    assert time.now <= 0.5
    assert len(transport.requests) > 2


@pytest.mark.parametrize(
    "fault",
    [errors.TransportError("away"), errors.DeadlineError("late"), problem(500),
     problem(404), problem(429), Response(200, {}, b"<html>")],
)  # fmt: skip
def test_a_default_is_returned_when_no_answer_comes(client, fault):
    """With a default the game goes on, and can see that no model answered."""
    asker, _ = client(fault)
    answer = asker.predict("x", default="ok", deadline=0.1)
    assert (answer.label, answer.value, answer.is_default) == ("ok", "ok", True)
    assert answer.model is None


@pytest.mark.parametrize(
    ("default", "label", "action", "item"),
    [("stay", "stay", "stay", None), (3, None, "3", None), (0.5, None, None, None),
     (True, None, None, None), (["##", ".."], None, None, ("##", ".."))],
)  # fmt: skip
def test_a_default_stands_where_a_game_looks_for_it(
    client, default, label, action, item
):
    """A column, which is a number, is an action; a share or a truth is none."""
    asker, _ = client(errors.TransportError("away"))
    answer = asker.predict("x", default=default, deadline=0.1)
    assert (answer.label, answer.action, answer.item) == (label, action, item)
    assert answer.value == default


def test_bad_input_becomes_the_default_and_says_why(client, caplog):
    """A player's text cannot stop a game; the reason is in the answer and the log."""
    asker, _ = client(problem(422))
    for _ in range(2):
        answer = asker.predict("", default="ok")
        assert (answer.label, answer.is_default) == ("ok", True)
        assert answer.reason.startswith("BadInputError: 422")
    assert caplog.text.count("the default replaced an answer") == 1
    with pytest.raises(errors.BadInputError):
        asker.predict("")


def test_a_mistake_of_the_program_raises_in_spite_of_a_default(client):
    """A value that has no JSON and an impossible call are bugs to see."""
    asker, _ = client(problem(422))
    with pytest.raises(errors.ConfigError, match="not JSON"):
        asker.predict({"x": object()}, default="ok")
    with pytest.raises(errors.ConfigError, match="pass model"):
        asker.predict("x", version=3, default="ok")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_an_image_are_sent_in_base64(client, kind):
    """Alone, and as a field."""
    asker, transport = client({"value": 1.0}, {"value": 1.0})
    asker.predict(kind(b"\x89PNG\xff"), model="nsfw")
    asker.predict({"image": kind(b"\x89PNG\xff"), "size": 2}, model="nsfw")
    sent = [json.loads(request.body)["input"] for request in transport.requests]
    assert sent == ["iVBOR/8=", {"image": "iVBOR/8=", "size": 2}]


def test_the_catalogue_is_values(client):
    """Models come as values, with what the SDK does not know in `raw`."""
    entry = {"name": "mood", "kind": "classification", "version": 2,
             "versions": [1, 2], "aliases": {"live": 2}, "card": "# mood"}  # fmt: skip
    assert client({"models": [entry]})[0].models()[0].versions == (1, 2)
    card = client(entry)[0].card("mood")
    assert (card.aliases, card.raw["card"]) == ({"live": 2}, "# mood")


UNKNOWN = {
    "code": "unknown_field",
    "detail": "unknown field 'agee' is ignored; did you mean 'age'?",
    "pointer": "/input/agee",
    "suggestion": "age",
}


def test_what_the_service_warns_of_is_in_the_answer_and_logged_once(client, caplog):
    """However often a game sends the misspelt field, in whichever row."""
    other = {**UNKNOWN, "pointer": "/inputs/0/agee"}
    many = {**ANSWER, "predictions": [ANSWER, ANSWER], "warnings": [other]}
    asker, _ = client({**ANSWER, "warnings": [UNKNOWN]}, ANSWER, many)
    answer = asker.predict({"agee": 3}, model="mood")
    assert answer.warnings == (hotseat.InputWarning(**UNKNOWN),)
    assert asker.predict({"age": 3}, model="mood").warnings == ()
    asker.predict_many([{"agee": 3}, {"age": 3}], model="mood")
    said = [r for r in caplog.records if r.name == "hotseat"]
    assert [(r.levelname, r.getMessage()) for r in said] == [
        ("WARNING", f"mood: {UNKNOWN['detail']} (unknown_field)")
    ]


def test_each_of_many_answers_has_its_own_warnings(client):
    """Those of its input, and those of the request as a whole."""
    option = {"code": "unknown_field", "detail": "d", "pointer": "/options/heat"}
    of_row = [{**UNKNOWN, "pointer": f"/inputs/{row}/agee"} for row in (1, 10)]
    answers = {**ANSWER, "predictions": [ANSWER] * 11, "warnings": [option, *of_row]}
    asker, _ = client(answers)
    found = asker.predict_many([{"age": 3}] * 11, model="mood")
    pointers = [[one.pointer for one in answer.warnings] for answer in found]
    assert pointers[0] == ["/options/heat"]
    assert pointers[1] == ["/options/heat", "/inputs/1/agee"]
    assert pointers[10] == ["/options/heat", "/inputs/10/agee"]


def test_an_answer_that_is_not_finite_is_no_missing_answer(client):
    """JSON has null for it, and the warning says so: the service has answered."""
    warning = {"code": "not_finite", "detail": "d", "pointer": "/input"}
    asker, _ = client({"value": None, "model": "price", "warnings": [warning]})
    answer = asker.predict(3, model="price", default=0.0)
    assert (answer.value, answer.is_default) == (None, False)


@pytest.mark.parametrize("told", [7, "x", [7], [{}], [{"code": 7}], {"code": "x"}])
def test_warnings_of_another_shape_harm_no_answer(client, told):
    """What is no list of warnings is left out; a newer service may say more."""
    asker, _ = client({**ANSWER, "warnings": told})
    answer = asker.predict("good", model="mood")
    assert answer.label == "positive"
    assert all(isinstance(one.code, str) for one in answer.warnings)


@pytest.mark.parametrize("said", [{"start": 2048, "end": 4090, "of": 3}, None, 3, [1]])
def test_an_answer_says_which_part_of_a_long_text_it_is_about(client, said):
    """What is no such place is none, and harms no answer."""
    asker, _ = client({**ANSWER, "judged_part": said})
    found = asker.predict("a long line", model="mood")
    assert found.label == "positive"
    assert found.judged_part == (said if isinstance(said, dict) else None)


def test_closing_closes_the_transport(client):
    """A context manager gives its connections back."""
    asker, transport = client(ANSWER)
    with asker:
        pass
    assert transport.closed


def test_all_that_is_exported_is_there_and_sorted():
    """`__all__` is the public surface, complete and in order."""
    public = {
        name
        for name, value in vars(hotseat).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert sorted(public) == list(hotseat.__all__)
