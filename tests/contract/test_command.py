"""The command `hotseat`, as it is typed."""

import json
import os
import socket
import subprocess
import sys
import threading
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from hotseat import _cli
from hotseat_registry import layout, open_registry

VERBS = sorted(_cli._EXTRAS)


@pytest.fixture
def folder(tmp_path, publish, monkeypatch):
    """A folder registry with two versions of mood."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry), publish(registry, positive=0.8)
    monkeypatch.setenv("HOTSEAT_REGISTRY", registry.store.uri)
    monkeypatch.setenv("HOTSEAT_BY", "ada")
    return registry


def test_every_verb_is_there():
    """Every verb that help names is an entry point, and the other way round."""
    found = {entry.name for entry in entry_points(group="hotseat.verbs")}
    assert found | {"predict", "download"} == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_teaches(verb, capsys):
    """Help says what the verb does and shows an example."""
    with pytest.raises(SystemExit) as done:
        _cli.main([verb, "--help"])
    assert done.value.code == 0
    assert f"example: hotseat {verb}" in " ".join(capsys.readouterr().out.split())


def test_promote_and_roll_back(folder, capsys):
    """Moving says from where to where, and looking shows it."""
    assert _cli.main(["model", "promote", "mood@1"]) == 0
    assert _cli.main(["model", "promote", "mood@2", "--because", "slang"]) == 0
    assert _cli.main(["model", "promote", "mood@1", "--dry-run"]) == 0
    assert _cli.main(["model", "rollback", "mood", "--dry-run"]) == 0
    assert folder.aliases("mood") == {"live": 2}
    assert _cli.main(["model", "rollback", "mood", "--because", "false alarms"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "mood#live: nowhere -> 1",
        "done: entry 1 of the ledger, by ada",
        "mood#live: 1 -> 2",
        "done: entry 2 of the ledger, by ada",
        "mood#live: 2 -> 1",  # what the two dry runs would do
        "mood#live: 2 -> 1",
        "mood#live: 2 -> 1",
        "done: entry 3 of the ledger, by ada",
    ]
    assert _cli.main(["model", "promote", "mood@1", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["before"] == 1
    assert _cli.main(["model", "history", "mood", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [(e["by"], e["after"], e.get("because")) for e in entries] == [
        ("ada", 1, None),
        ("ada", 2, "slang"),
        ("ada", 1, "false alarms"),
    ]


@pytest.mark.usefixtures("folder")
def test_looking(capsys):
    """Versions, show and verify answer for people and for scripts."""
    assert _cli.main(["model", "versions"]) == 0
    assert "mood@2" in capsys.readouterr().out
    assert _cli.main(["model", "versions", "mood", "--json"]) == 0
    assert [v["version"] for v in json.loads(capsys.readouterr().out)] == [1, 2]
    assert _cli.main(["model", "show", "mood@1"]) == 0
    assert "Knows one word." in capsys.readouterr().out
    assert _cli.main(["model", "show", "mood@1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"]["model.onnx"]["sha256"]
    assert _cli.main(["model", "verify", "mood@2"]) == 0
    assert "1 versions, 2 files: no damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["show", "mood@9"], 1, "no version 9"),
        (["show", "nobody"], 1, "no model 'nobody'"),
        (["versions", "nobody"], 1, "no model 'nobody'"),
        (["history", "nobody"], 1, "no model 'nobody'"),
        (["promote", "mood@9"], 1, "no version 9"),
        (["promote", "mo od@1"], 1, "cannot name a model"),
        (["rollback", "mood"], 1, "no alias 'live'"),
        (["train", "chess"], 1, "no task 'chess'"),
        (["quantize", "nothing"], 1, "hotseat train nothing"),
        (["publish", "nothing"], 1, "hotseat train nothing"),
        (["versions", "--registry", "gs://x"], 1, "s3://bucket/prefix"),
        (["predict", "x", "--url", "nowhere"], 1, "no base URL"),
        (["promte", "mood@1"], 2, "did you mean 'promote'?"),
        ([], 2, ""),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_refused_says_why(arguments, code, says, capsys):
    """A refusal is one line and exit code 1; a wrong verb is exit code 2."""
    assert _cli.main(arguments) == code
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") <= 1


@pytest.mark.parametrize(
    "arguments", [["promote"], ["train", "sentiment", "--optimizer", "newton"],
                  ["predict"], ["rollback", "mood", "--steps", "0"]]
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    """A missing or impossible argument shows the usage."""
    with pytest.raises(SystemExit) as done:
        _cli.main(arguments)
    assert done.value.code == 2
    assert "usage: hotseat" in capsys.readouterr().err


def test_a_damaged_version_is_named(folder, capsys):
    """Verify names the file whose bytes changed, with exit code 1."""
    digest = folder.resolve(_reference()).files["model.onnx"].sha256
    path = folder.store.root / layout.blob(digest)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert _cli.main(["model", "verify", "mood@1"]) == 1
    assert "mood@1, model.onnx: its bytes do not match" in capsys.readouterr().out


def _reference():
    from hotseat_registry import Reference

    return Reference("mood", version=1)


@pytest.mark.usefixtures("folder")
def test_a_busy_port_is_named(capsys):
    """Serving on a port that is taken says so and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert _cli.main(["serve", "--port", str(port)]) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_a_registry_that_cannot_be_written_is_named(folder, monkeypatch, capsys):
    """Promoting in a folder that cannot be written is refused, and nothing is lost."""
    monkeypatch.setattr(type(folder.store), "_locked", _denied)
    assert _cli.main(["model", "promote", "mood@1"]) == 1
    assert "Permission denied" in capsys.readouterr().err
    assert folder.aliases("mood") == {}


def _denied(_store):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("blocked", ["torch", "rich"])
def test_a_missing_extra_is_named_with_the_pip_line(tmp_path, blocked):
    """A verb whose libraries are not installed answers with what to type."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys; sys.modules[{blocked!r}] = None"
    )
    verb, extra = {"torch": ("train sentiment", "train"), "rich": ("versions", "ops")}[
        blocked
    ]
    registry = f"file://{tmp_path}/registry"
    done = subprocess.run(
        [sys.executable, "-m", "hotseat._cli", *verb.split()],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "HOTSEAT_REGISTRY": registry},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"pip install 'hotseat-platform[{extra}]'" in done.stderr


def test_predict_asks_a_running_service(folder, capsys, monkeypatch):
    """The verb predict prints the answer of a real server on a real socket."""
    import uvicorn

    from hotseat_serve.adapters.fastapi_app import create_app
    from hotseat_serve.api.factory import open_room
    from hotseat_serve.settings import Settings

    assert _cli.main(["model", "promote", "mood@1"]) == 0
    settings = Settings(
        registry=folder.store.uri, cache=str(Path(folder.store.root)), log=False
    )
    server = uvicorn.Server(
        uvicorn.Config(create_app(open_room(settings)), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        pass
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        monkeypatch.setenv("HOTSEAT_URL", f"http://127.0.0.1:{port}")
        capsys.readouterr()
        assert _cli.main(["predict", "good"]) == 0
        assert "positive 90.0%   mood@1 (fp32)" in capsys.readouterr().out
        assert _cli.main(["predict", "good", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["label"] == "positive"
        assert _cli.main(["predict", ""]) == 1
        assert "422 invalid_input at /text" in capsys.readouterr().err
    finally:
        server.should_exit = True
        thread.join()
