"""The SDK's examples, run as anybody would, against a running service."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from hotseat import ModelServiceClient
from hotseat_serve.rules import sokoban

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "sdk/python/examples"
QUIET = {"SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
LINES = {
    "gg wp everyone": "ok",
    "stupid noob team": "toxic",
    "ez": "implicit",
    "report mid please": "report",
}


def module(path: Path):
    """Import a script by its path."""
    spec = spec_from_file_location(path.stem, path)
    loaded = module_from_spec(spec)
    sys.modules[path.stem] = loaded
    spec.loader.exec_module(loaded)
    return loaded


playground = module(ROOT / "tests/playground.py")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The models that come along, on a free port."""
    uri = playground.furnish(ROOT / ".hotseat/playground")
    with playground.served(uri) as (url, _):
        with ModelServiceClient(url, deadline=60) as client:
            client.predict("gg")  # the first answer waits for the model
        yield url


def example(name: str, *words: object) -> str:
    """Run an example to its end, and return what it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, words)],
        env={**os.environ, **QUIET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_connect_four_plays_with_the_service_and_without(url, tmp_path):
    """The same moves are answered online and offline, and no frame waits for them."""
    twin = ("--folder", tmp_path / "twin", "--moves", "3,2,4,1,5,3")
    for address, who in ((url, "the service"), ("http://127.0.0.1:9", "this device")):
        picture = tmp_path / "end.png"
        patience = ("--deadline", 10 if address == url else 0.3)
        said = example("connect_four.py", "--url", address, "--picture", picture, *twin,
                       *patience)  # fmt: skip
        assert f"the last move was by {who}" in said
        frames, middle = map(float, re.findall(r"[\d.]+", said.splitlines()[-1])[:2])
        assert frames > 60
        assert middle < 16, said
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_connect_four_without_anybody_takes_any_column(tmp_path):
    """With neither service nor a version on this device the game goes on."""
    said = example(
        "connect_four.py", "--url", "http://127.0.0.1:9", "--moves", "3,2",
        "--folder", tmp_path / "nothing",
    )  # fmt: skip
    assert "no version on this device yet" in said
    assert "nobody" in said


def test_levels_can_be_played_by_wish(url, tmp_path):
    """Each level that is written has the boxes that were wished, and a solution."""
    example("levels.py", "--url", url, "--boxes", 2, "--difficulty", 3, "--count", 2,
            "--into", tmp_path)  # fmt: skip
    written = sorted(tmp_path.glob("level-*.xsb"))
    assert len(written) == 2
    for path in written:
        rows = [r for r in path.read_text().splitlines() if not r.startswith(";")]
        assert sum(row.count("$") for row in rows) == 2
        assert sokoban.check(rows, {}, lambda: False) is not None
    assert (tmp_path / "sheet.svg").read_text().count("<text") == 2


def test_the_chat_filter_does_what_the_model_says(url):
    """Insults are hidden, hints flagged, reports passed on, and the rest is left."""
    heard = asyncio.run(_chat(url, deadline=10, wanted=3))
    hidden = {e["id"] for e in heard["player"] if e["t"] == "MESSAGE_DELETE"}
    said = {e["content"]: e["id"] for e in heard["player"] if "content" in e}
    assert set(said) == set(LINES), "moderators' words are not for players"
    assert hidden == {said["stupid noob team"]}
    told = [
        e["content"] for e in heard["moderator"] if e.get("channel") == "moderators"
    ]
    for start, line in (
        ("hidden", "stupid noob team"),
        ("please look", "ez"),
        ("player asks", "report mid please"),
    ):
        assert any(t.startswith(start) and t.endswith(line) for t in told), told
    assert len(told) == 3


def test_the_chat_goes_on_when_the_service_is_away():
    """Nothing is hidden then, and moderators are told once."""
    heard = asyncio.run(_chat("http://127.0.0.1:9", deadline=0.5, wanted=1))
    assert not [e for e in heard["player"] if e["t"] == "MESSAGE_DELETE"]
    told = [
        e["content"] for e in heard["moderator"] if e.get("channel") == "moderators"
    ]
    assert told == ["the filter is away: nothing is hidden"]


def test_the_lines_are_what_the_model_takes_them_for(url):
    """The model of this test knows the four lines; else the others prove less."""
    with ModelServiceClient(url, deadline=30) as client:
        found = client.predict_many(list(LINES), model="chat-moderation")
    assert [answer.label for answer in found] == list(LINES.values())


async def _chat(url: str, deadline: float, wanted: int) -> dict[str, list[dict]]:
    """Say the lines in a chat with a filter, until moderators heard so many words.

    Return what each member heard.
    """
    server = module(EXAMPLES / "chat_server.py")
    chat = server.ChatServer()
    room = await chat.start()
    port = str(room.sockets[0].getsockname()[1])
    bot = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / "chat_filter.py",
        "--port", port, "--url", url, "--deadline", str(deadline),
    )  # fmt: skip
    heard: dict[str, list[dict]] = {"player": [], "moderator": []}
    listening, writers = [], {}
    try:
        for role, events in heard.items():
            reader, writers[role] = await server.join(int(port), role, role)
            listening.append(asyncio.create_task(_listen(reader, events)))
        await _until(lambda: len(chat.members) == 3, bot)
        for line in LINES:
            said = {"t": "MESSAGE_CREATE", "channel": "general", "content": line}
            writers["player"].write(json.dumps(said).encode() + b"\n")
        await _until(lambda: _private(heard["moderator"]) >= wanted, bot)
        await asyncio.sleep(0.3)  # what should not come has time to
    finally:
        bot.terminate()
        await bot.wait()
        for writer in writers.values():
            writer.close()
        room.close()
        await asyncio.gather(*listening)
    return heard


def _private(events: list[dict]) -> int:
    return sum(event.get("channel") == "moderators" for event in events)


async def _listen(reader: asyncio.StreamReader, events: list[dict]) -> None:
    while line := await reader.readline():
        events.append(json.loads(line))


async def _until(true, bot) -> None:
    for _ in range(600):
        if true():
            return
        assert bot.returncode is None, "the filter ended"
        await asyncio.sleep(0.05)
    raise AssertionError("waited 30 s")


def test_the_page_on_moderation_runs(url, capsys):
    """Its four programs, with the words that they print."""
    text = (ROOT / "docs/how-to/moderate-chat.md").read_text("utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        program = block.replace("http://localhost:8080", url)
        exec(compile(program, "moderate-chat.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "hidden as insult" in printed
    assert "'operating_point': 'one_in_1000'" in printed
    assert "please look at this player" in printed


def test_the_quick_start_runs(url):
    """The Python of docs/how-to/games.md plays one move and is short."""
    text = (ROOT / "docs/how-to/games.md").read_text("utf-8")
    starts = text[text.index("## Quick starts") :]
    blocks = re.findall(r"```(\w+)\n(.*?)```", starts, re.DOTALL)
    assert len(blocks) >= 4
    for _, block in blocks:
        assert len(block.splitlines()) <= 15, block
    program = next(block for kind, block in blocks if kind == "py")
    played, frames = [], iter(range(2000))
    exec(
        compile(
            program.replace("https://models.example/prod", url), "games.md", "exec"
        ),
        {
            "fetch_token": lambda: "a-players-token",
            "board": [[0] * 7 for _ in range(6)],
            "models_turn": lambda: not played,
            "running": lambda: next(frames, None) is not None and not played,
            "play": played.append,
            "draw": lambda: time.sleep(1 / 60),
        },
    )
    assert len(played) == 1
    assert played[0] in "0123456"
