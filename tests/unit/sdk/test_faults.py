"""What the SDK does with calls that cannot work and answers that are none."""

import json
import pickle

import pytest

from hotseat import ModelServiceClient, errors
from hotseat.testing import FakeTransport, Response

NEST = b"[" * 200_000


def client(*answers, **options):
    """Make a client whose transport gives these answers, and never waits."""
    options = {"sleep": lambda _: None, "deadline": 0.05, **options}
    return ModelServiceClient("http://x", transport=FakeTransport(*answers), **options)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"label": None},
        Response(200, {}, b""),
        Response(200, {}, b"[]"),
        Response(200, {}, b"<html>log in to the WLAN</html>"),
        Response(200, {}, b"\xff\xfe\x00"),
        Response(200, {}, NEST),
    ],
)
def test_an_answer_that_is_none_is_a_transport_error(answer):
    """Whatever stands in between, a game sees a HotseatError or its default."""
    with pytest.raises(errors.TransportError):
        client(answer).predict("x")
    assert client(answer).predict("x", default="ok").is_default


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"predictions": None},
        {"predictions": [{"label": "a"}]},
        {"predictions": [{"label": "a"}, {}]},
        {"predictions": ["a", "b"]},
    ],
)
def test_many_answers_are_all_there_or_none(answer):
    """A batch never comes back shorter than it went, or with holes."""
    with pytest.raises(errors.TransportError):
        client(answer).predict_many(["x", "y"])
    answers = client(answer).predict_many(["x", "y"], default="ok")
    assert [(a.label, a.is_default) for a in answers] == [("ok", True)] * 2


@pytest.mark.parametrize("answer", [{}, {"models": [{}]}, {"models": {"a": 1}}])
def test_half_a_catalogue_is_a_transport_error(answer):
    """A catalogue with entries that lack their names is no catalogue."""
    with pytest.raises(errors.TransportError, match="Hotseat service"):
        client(answer).models()


def test_raw_holds_what_the_sdk_does_not_know():
    """Fields of a newer service are in `raw`, of one answer and of many."""
    assert client({"label": "a", "cold": True}).predict("x").raw["cold"] is True
    many = {"predictions": [{"label": "a", "why": 1}], "cold": True}
    raw = client(many).predict_many(["x"])[0].raw
    assert raw == {"label": "a", "why": 1, "cold": True}


@pytest.mark.parametrize(
    "url",
    ["game.example", "ftp://x", "http://", "http://x:99999", "http://x?a", "http://[x"],
)
def test_a_url_that_cannot_work_is_refused_at_once(url):
    """The client is not made, and its maker is told what to set."""
    with pytest.raises(errors.ConfigError, match="HOTSEAT_URL"):
        ModelServiceClient(url, transport=FakeTransport({}))


def test_a_password_in_the_url_is_refused_and_not_shown():
    """A secret in the address is never repeated in an error."""
    with pytest.raises(errors.ConfigError, match="api_key") as caught:
        ModelServiceClient("http://ada:s3cret@x", transport=FakeTransport({}))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("key", ["s3cret\n", "s3\r\nx-evil: 1", "密s3cret"])
def test_a_key_that_no_header_carries_is_refused_and_not_shown(key):
    """A key read with its line break is told at once, without the key."""
    with pytest.raises(errors.ConfigError, match="API key") as caught:
        client({}, api_key=key)
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize("deadline", [float("inf"), float("nan"), 1e9])
def test_a_deadline_without_end_is_refused(deadline):
    """A deadline is a time that a socket can wait."""
    with pytest.raises(errors.ConfigError, match="deadline"):
        client({}, deadline=deadline)
    with pytest.raises(errors.ConfigError, match="deadline"):
        client({}).predict("x", deadline=deadline)


def test_a_frame_with_no_time_left_gets_its_default():
    """A deadline of nothing asks nobody: the default is the answer."""
    asker = client({"label": "a"})
    assert asker.predict("x", deadline=-0.01, default="ok").is_default
    assert asker._transport.requests == []


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_dots_are_no_model_and_no_version(name):
    """A path's dots never turn a pinned version into the live one."""
    with pytest.raises(errors.ConfigError, match="names no model"):
        client({"label": "a"}).predict("x", model="mood", version=name)
    with pytest.raises(errors.ConfigError, match="names no model"):
        client({"label": "a"}).predict("x", model=name)


def test_one_text_is_not_many_inputs():
    """A text given as the list of inputs is not asked letter by letter."""
    with pytest.raises(errors.ConfigError, match="use predict"):
        client({}).predict_many("abc")


def test_an_input_too_deep_for_json_is_told():
    """An input that cannot be written is the caller's, and said so."""
    deep = []
    for _ in range(200_000):
        deep = [deep]
    with pytest.raises(errors.ConfigError, match="not JSON"):
        client({}).predict(deep)


def test_a_gateways_refusal_keeps_its_words_and_id():
    """Where API Gateway says no itself, its message and request id are shown."""
    body = json.dumps({"message": "Forbidden"}).encode()
    asker = client(Response(403, {"apigw-requestid": "g-1"}, body))
    with pytest.raises(errors.AuthError) as caught:
        asker.predict("x")
    assert str(caught.value) == "403: Forbidden (request g-1)"


def test_a_redirect_says_where_to():
    """A moved service is not followed with the key in hand; the error names it."""
    asker = client(Response(308, {"location": "https://x/"}, b""))
    with pytest.raises(errors.StatusError, match="redirects to https://x/"):
        asker.predict("x")


def test_an_error_survives_a_process_pool():
    """Pickled and back, a refusal says and holds the same."""
    told = errors.NotFoundError("gone", status=404, code="c", request_id="r-1")
    again = pickle.loads(pickle.dumps(told))
    assert type(again) is errors.NotFoundError
    assert (str(again), vars(again)) == (str(told), vars(told))
    assert str(told) == "404 c: gone (request r-1)"


def test_a_fake_without_answers_is_refused():
    """A test that forgot its canned answers is told so."""
    with pytest.raises(errors.ConfigError, match="at least one answer"):
        FakeTransport()
