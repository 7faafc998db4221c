"""A studio's own game, from its package to a move over HTTP, as the tutorial has it."""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hotseat import ModelServiceClient, TransportError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/tutorials/own-game.md").read_text("utf-8")
COMMAND = [sys.executable, "-m", "hotseat._cli"]


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A folder with the example installed beside it, and nothing else of its own."""
    folder = tmp_path_factory.mktemp("checkers")
    site = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*install, "--target", site, ROOT / "examples/checkers"], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(site), "HOTSEAT_REGISTRY": "registry",
           "HOTSEAT_URL": f"http://127.0.0.1:{port}"}  # fmt: skip
    return folder, env


def run(studio, *words):
    folder, env = studio
    done = subprocess.run([*COMMAND, *words], cwd=folder, env=env, check=False,
                          capture_output=True, encoding="utf-8")  # fmt: skip
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def live(studio):
    """The commands of section 4, up to the service."""
    section = PAGE.partition("## 4.")[2].partition("## 5.")[0]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)[1]
    lines = [shlex.split(line) for line in block.splitlines()]
    assert lines[0][:2] == ["pip", "install"]
    printed = [run(studio, *words[1:]) for words in lines[1:-1]]
    assert lines[-1] == ["hotseat", "serve"]
    folder, env = studio
    port = env["HOTSEAT_URL"].rpartition(":")[2]
    server = subprocess.Popen([*COMMAND, "serve", "--port", port], cwd=folder, env=env,
                              stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        with ModelServiceClient(env["HOTSEAT_URL"], deadline=30) as client:
            _wait(client)
            yield client, printed
    finally:
        server.terminate()
        server.wait(30)


def _wait(client):
    until = time.monotonic() + 60
    while True:
        try:
            return client.models()
        except TransportError:
            assert time.monotonic() < until
            time.sleep(0.2)


def test_it_beats_moves_at_random(live):
    """A minute of self-play, with an interval that leaves chance out."""
    _, printed = live
    low, high = map(float, re.search(
        r"points interval: \[([\d.]+), ([\d.]+)\]", printed[0]
    ).groups())  # fmt: skip
    assert 0.5 < low < high


def test_a_game_is_played_over_http(live, studio):
    """To its end, against the rules' own first moves, with every move legal."""
    client, _ = live
    sys.path.insert(0, studio[1]["PYTHONPATH"])
    try:
        from checkers.rules import GAME, LABELS
    finally:
        sys.path.pop(0)
    state, moves = GAME.start(), 0
    while GAME.outcome(state) is None and moves < 80:
        legal = GAME.legal(state)
        action = legal[moves % len(legal)]
        if len(legal) > 1 and state.mover == 0:
            given = {"board": GAME.board(state)}
            answer = client.predict(
                given, model="checkers", options={"level": "medium"}
            )
            action = LABELS.index(answer.action)
            assert action in legal
            assert set(answer.actions) <= {LABELS[a] for a in legal}
        state, moves = GAME.apply(state, action), moves + 1
    assert moves > 20


def test_without_a_search_moves_are_legal_too(live):
    """The graph knows no rules; the service does."""
    client, _ = live
    squares = [1] * 12 + [0] * 8 + [2] * 12
    answer = client.predict({"board": {"squares": squares}}, model="checkers")
    assert set(answer.actions) == {
        "9-13", "9-14", "10-14", "10-15", "11-15", "11-16", "12-16",
    }  # fmt: skip


@pytest.mark.usefixtures("live")
def test_where_the_package_is_missing_the_error_names_the_way(studio):
    """The registry holds the version; a machine without the rules says so."""
    folder, env = studio
    bare = {**env, "PYTHONPATH": ""}
    code = (
        "from hotseat_registry import open_registry, Reference\n"
        "from hotseat_serve.kinds import dispatch\n"
        "dispatch.check(open_registry('registry').resolve("
        "Reference('checkers', version=1)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=bare,
                          check=False, capture_output=True, text=True)  # fmt: skip
    assert "no installed package has the rules 'checkers'" in done.stderr
