"""The verbs predict and generate print an answer by its kind."""

import json

import pytest

from hotseat import _cli, _client
from hotseat._cli.predict import ModelServiceClient
from hotseat.testing import FakeTransport

ORIGIN = {"model": "m", "version": 3, "variant": "fp32"}


@pytest.fixture
def service(monkeypatch):
    """Let the command's client get one canned answer; return how to set it."""

    def answer(**fields):
        transport = FakeTransport({**fields, **ORIGIN})
        monkeypatch.setattr(_client, "HttpTransport", lambda *_, **__: transport)
        return transport

    assert ModelServiceClient is _client.ModelServiceClient
    return answer


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"label": "good", "probability": 0.9, "scores": {"good": 0.9}},
            "good 90.0%",
        ),
        ({"value": 3.25}, "3.25"),
        ({"action": "4", "actions": {"4": 0.62}, "value": 0.12},
         "move 4 62.0%, value +0.120"),
        ({"action": "4", "value": -1}, "move 4, value -1.000"),
    ],
)  # fmt: skip
def test_predict_prints_by_kind(service, fields, line, capsys):
    """A label with its probability, a value, or a move with the position's value."""
    service(**fields)
    assert _cli.main(["predict", "x"]) == 0
    assert capsys.readouterr().out.startswith(f"{line}   m@3 (fp32), ")


def test_a_generated_item_is_its_rows_alone(service, capsys):
    """Rows go to stdout, to be piped into a file; where they come from to stderr."""
    transport = service(item=["###", "#.#"], seed=7)
    words = ["generate", "m", "boxes=3", "theme=cave", "--seed", "7"]
    assert _cli.main(words) == 0
    out, err = capsys.readouterr()
    assert out == "###\n#.#\n"
    assert err.startswith("m@3 (fp32), seed 7, ")
    sent = json.loads(transport.requests[0].body)
    assert sent["input"] == {"boxes": 3, "theme": "cave"}
    assert sent["options"] == {"seed": 7}


def test_json_is_the_answer_as_it_is(service, capsys):
    """`--json` prints every field of the answer."""
    service(action="4", other=[1])
    assert _cli.main(["predict", "x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "action": "4",
        "other": [1],
        **ORIGIN,
    }
