"""The playground: models that come along, a page with a strict policy, moves."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import pytest
import urllib3

from hotseat import ModelServiceClient
from hotseat_registry import Reference, open_registry
from hotseat_train.playground import cli, made_up_players, server
from hotseat_train.playground.models import CHURN, bring, publish

PART = Path(__file__).parents[1] / "playground_part"
PLUGGED = ["echo"]
MODELS = ["chat-moderation", "connect-four", "made-up-churn", "sokoban-levels"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The address of a running playground, and the seconds until it was there."""
    began = time.monotonic()
    vendor = server.VENDOR / "hotseat.js"
    is_stand_in = not vendor.exists()  # the tests of the page itself need the real one
    if is_stand_in:
        vendor.parent.mkdir(exist_ok=True)
        vendor.write_text("")
    process = subprocess.Popen(
        [sys.executable, "-m", "hotseat_train.playground", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "TMPDIR": str(tmp_path_factory.mktemp("play")),
            "PYTHONPATH": os.pathsep.join([str(PART), *sys.path[1:]]),
        },
    )
    try:
        address = re.search(r"http://[\d.:]+/", process.stdout.readline())[0]
        left_out = process.stderr.readline()
        yield address, time.monotonic() - began, left_out
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
        process.stderr.close()
        if is_stand_in:
            vendor.unlink()


def fetch(method, url, **headers):
    """Return the status and the headers and body of an answer."""
    answer = urllib3.request(method, url, headers=headers, retries=False)
    return answer.status, answer.headers, answer.data


def test_it_is_there_within_seconds_and_answers_for_every_part(page):
    """Nothing is trained or fetched: four models answer."""
    address, seconds, _ = page
    assert seconds < 15  # on a busy machine; a quiet one takes two
    with ModelServiceClient(address.rstrip("/"), deadline=20) as client:
        names = sorted(model.name for model in client.models())
        assert names == sorted(MODELS + PLUGGED)
        empty = [[0] * 7 for _ in range(6)]
        for level in ("easy", "medium", "hard", "expert", "best"):
            move = client.choose(empty, model="connect-four", level=level)
            assert move.action in set("0123456")
        assert client.predict("gg wp", model="chat-moderation").label == "ok"
        assert client.explain("you are trash", model="chat-moderation").parts
        level = client.generate({"boxes": 2}, model="sokoban-levels", seed=1)
        assert sum(row.count("$") for row in level.item) == 2
        player = {"days_away": 40, "sessions_a_week": 0}
        risk = client.predict(player, model="made-up-churn")
        assert risk.label == "leaves"
        assert client.explain(player, model="made-up-churn").parts


def test_parts_of_other_packages_plug_in(page):
    """By an entry point, with their models; a broken one is left out with a reason."""
    address, _, left_out = page
    found = json.loads(fetch("GET", f"{address}play/models")[2])
    assert found["parts"] == PLUGGED
    echo = {"versions": [1], "live": 1, "kind": "classification"}
    assert found["models"]["echo"] == echo
    assert left_out.startswith("hotseat demo: the part broken is left out: division")
    status, headers, body = fetch("GET", f"{address}plugged/echo.js")
    assert (status, body) == (200, (PART / "echo.js").read_bytes())
    assert headers["content-type"].startswith("text/javascript")
    for path in ("plugged/broken.js", "plugged/echo", "plugged/../server.js"):
        assert fetch("GET", address + path)[0] == 404


def test_versions_of_another_registry_are_brought(tmp_path, capsys):
    """A copy is live in the playground; without a registry a message says the way."""
    theirs, ours = (f"file://{tmp_path}/{name}" for name in ("theirs", "ours"))
    publish(theirs)
    bring(ours, theirs, ["made-up-churn@2", "connect-four"])
    brought = open_registry(ours)
    assert brought.aliases("made-up-churn") == {"live": 1}
    assert brought.resolve(Reference("made-up-churn", version=1)).kind
    assert brought.models() == ["connect-four", "made-up-churn"]
    with patch.dict(os.environ):
        os.environ.pop("HOTSEAT_REGISTRY", None)
        assert cli.main(["--no-browser", "--with", "npc-lines"]) == 1
    assert "--registry" in capsys.readouterr().err


def test_an_answer_has_a_price(page):
    """By the list prices that come with the platform: dollars of a request, of a ms."""
    price = json.loads(fetch("GET", f"{page[0]}play/models")[2])["price"]
    assert 1e-8 < price["request"] < 1e-5
    assert 1e-9 < price["millisecond"] < 1e-6


def test_live_moves_only_by_the_page_itself(page):
    """Promote and roll back take effect; a form of another page changes nothing."""
    address, *_ = page
    status, _, body = fetch("POST", f"{address}play/promote/made-up-churn/2")
    assert (status, json.loads(body)) == (403, {"detail": "not the page"})
    own = {"x-hotseat-playground": "1"}
    for move, live in (("promote/made-up-churn/2", 2), ("rollback/made-up-churn", 1)):
        status, _, body = fetch("POST", f"{address}play/{move}", **own)
        assert (status, json.loads(body)["models"]["made-up-churn"]["live"]) == (
            200,
            live,
        )
    for move, wanted in (("promote/made-up-churn/9", 409), ("promote/x", 404)):
        assert fetch("POST", f"{address}play/{move}", **own)[0] == wanted


def test_the_page_allows_no_other_host_and_no_other_file(page):
    """A strict policy; no path leaves the page's folder; no foreign Host header."""
    address, *_ = page
    status, headers, body = fetch("GET", address)
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert b"//" not in body.replace(b"<!doctype", b"")  # no third-party address
    for path in ("../server.py", "%2e%2e/server.py", "app.py", "parts/", ".hidden"):
        assert fetch("GET", address + path)[0] == 404
    assert fetch("GET", address, host="evil.example")[0] == 403
    assert fetch("GET", f"{address}play/models", host="evil.example")[0] == 403


def test_first_paint_needs_less_than_200_kb():
    """The page without what a pulled cable needs later; a tool of ours builds it."""
    files = [*server.PAGE.glob("*.*"), *server.PAGE.glob("parts/*.js")]
    own = sum(file.stat().st_size for file in files)
    assert own < 60_000
    vendor = server.VENDOR / "hotseat.js"
    if vendor.exists():
        assert own + vendor.stat().st_size < 200_000


def test_the_made_up_players_are_made_again(tmp_path):
    """The committed models are what the script writes."""
    for number in (1, 2):
        made_up_players.write(tmp_path / str(number), number)
        for name in ("manifest.json", "golden.json"):
            written = (tmp_path / str(number) / name).read_text()
            known = (CHURN / str(number) / name).read_text()
            assert _rounded(json.loads(written)) == _rounded(json.loads(known))


def _rounded(value):
    if isinstance(value, float):
        return round(value, 5)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def test_two_models_have_a_version_to_promote(tmp_path):
    """Live is the first version of each at the start."""
    where = f"file://{tmp_path}/registry"
    publish(where)
    registry = open_registry(where)
    assert registry.models() == MODELS
    assert [registry.versions(model) for model in MODELS] == [[1], [1, 2], [1, 2], [1]]
    assert {registry.aliases(model)["live"] for model in MODELS} == {1}
