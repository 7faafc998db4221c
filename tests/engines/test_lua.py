"""The Lua SDK: every vector in every Lua, faulty servers, a live service."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tls_server import dead_port, serve

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
LUA = ROOT / "sdk/lua"


def run(*words):
    """Run a suite; all of its checks have to hold."""
    done = subprocess.run(
        words, cwd=LUA, capture_output=True, text=True, timeout=60, check=False
    )
    assert re.search(r"[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), (
        done.stdout + done.stderr
    )
    assert done.returncode == 0


@pytest.mark.parametrize("lua", ["lua5.1", "lua5.2", "lua5.3", "lua5.4", "luajit"])
def test_every_vector_is_replayed(need, lua):
    """Requests, waits, answers and errors are those that every SDK has."""
    vectors = sorted((ROOT / "sdk/spec/vectors").glob("*.json"))
    run(need(lua, "test-lua"), "test/vectors.lua", *vectors)


def test_faults_end_in_time(need, faults):
    """Whatever a server does, a call ends at its deadline and no frame waits for it."""
    plain = [row for row in faults if row["url"].startswith("http://")]
    run(need("lua5.4", "test-lua"), "test/faults.lua", json.dumps(plain))


def test_networks_as_they_are(need, networks, names, monkeypatch):
    """A connection a request, interim answers; a dead IPv6 address is passed."""
    lua = need("lua5.4", "test-lua")
    monkeypatch.setenv("LD_PRELOAD", names)
    with contextlib.ExitStack() as stack:
        port = serve(stack)
        dead_port(stack, port)
        run(lua, "test/networks.lua", networks, str(port))


def test_streams_of_events(need, streams):
    """Events however they are cut; a stream goes on, breaks, is cancelled."""
    vectors = ROOT / "sdk/spec/streams.json"
    run(need("lua5.4", "test-lua"), "test/streams.lua", vectors, streams)


@pytest.mark.parametrize("lua", ["lua5.1", "lua5.4", "luajit"])
def test_texts_as_they_are_written(need, texts, lua):
    """Every vector of texts, however its events are cut; a text is cancelled."""
    vectors = ROOT / "sdk/spec/say.json"
    run(need(lua, "test-lua"), "test/say.lua", vectors, texts)


def test_a_live_service_is_asked(need, service):
    """A text to the default model, over LuaSocket."""
    rows = [{"name": "live", "url": service, "error": ""}]
    run(need("lua5.4", "test-lua"), "test/faults.lua", json.dumps(rows))


def test_transports_of_engines_keep_their_contract(need, service):
    """Defold's and Roblox's, against stand-ins with the documented signatures."""
    run(need("lua5.4", "test-lua"), "test/engines.lua", service)


LOVE = {
    "conf.lua": """
function love.conf(t)
  for name in pairs(t.modules) do t.modules[name] = false end
  t.modules.event, t.modules.timer = true, true
end
""",
    "main.lua": """
local hotseat = require("hotseat")
local client = hotseat.client({
  base_url = os.getenv("HOTSEAT_URL"), deadline = 20,
  transport = require("hotseat.luasocket"), clock = love.timer.getTime,
})
local ticket = client:predict("good")
function love.update()
  client:update()
  if not ticket:ready() then return end
  print(ticket:result() and ticket:result().label or ticket:error().detail)
  love.event.quit()
end
""",
}


def test_a_game_of_love_is_answered(need, service, tmp_path):
    """LÖVE itself, without a window: the SDK's folder beside main.lua."""
    shutil.copytree(LUA / "hotseat", tmp_path / "hotseat")
    for name, text in LOVE.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [need("love", "test-lua"), tmp_path], capture_output=True, text=True,
        timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HOTSEAT_URL": service},
    )  # fmt: skip
    assert done.stdout == "positive\n", done.stdout + done.stderr


def test_what_is_shown_is_lua(need, tmp_path):
    """The README's programs are read by Lua."""
    text = (LUA / "README.md").read_text()
    programs = re.findall(r"```lua\n(.*?)```", text, re.DOTALL)
    for shown in programs:
        (tmp_path / "shown.lua").write_text(shown)
        check = f"assert(loadfile('{tmp_path}/shown.lua'))"
        subprocess.run([need("lua5.4", "test-lua"), "-e", check], check=True)
    assert len(programs) == 2
