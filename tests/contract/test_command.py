"""The command `hotseat`, as it is typed."""

import argparse
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
from hotseat._cli import catalogue, old_spellings
from hotseat_registry import layout, open_registry

VERBS = sorted(catalogue.EXTRAS)


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
    assert found - set(old_spellings.RETIRED) | set(catalogue._SDK) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_teaches(verb, capsys):
    """Help says what the verb does and shows an example."""
    with pytest.raises(SystemExit) as done:
        _cli.main([*verb.split(), "--help"])
    assert done.value.code == 0
    assert f"example: hotseat {verb}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("group", ["model", "registry", "deploy"])
def test_a_group_lists_its_verbs(group, capsys):
    """Help of a group names each of its verbs; the group alone is wrong usage."""
    assert _cli.main([group, "--help"]) == 0
    help_text = capsys.readouterr().out
    assert f"example: hotseat {group}" in help_text
    for verb in VERBS:
        if verb.startswith(f"{group} "):
            assert f"\n  {verb} " in help_text
    assert _cli.main([group]) == 2


def test_the_overview_has_a_line_for_every_verb(capsys):
    """Help of the command says in one line what each verb does."""
    assert _cli.main(["--help"]) == 0
    help_text = capsys.readouterr().out
    assert "not installed" not in help_text
    assert "optimizers" not in help_text
    for verb in VERBS:
        line = next(x for x in help_text.splitlines() if x.startswith(f"  {verb} "))
        assert 25 < len(line) <= 88, line


@pytest.mark.parametrize(("old", "new"), old_spellings.VERBS.items())
def test_old_spellings_of_verbs_work(old, new, capsys):
    """Each verb of the last release is found, and the new one named on stderr."""
    with pytest.raises(SystemExit) as done:
        _cli.main([old, "--help"])
    assert done.value.code == 0
    out, err = capsys.readouterr()
    assert f"usage: hotseat {new} " in out
    assert err.count("\n") == 1
    assert f"'hotseat {old}' is now 'hotseat {new}'" in err


@pytest.mark.usefixtures("folder")
def test_old_spellings_leave_stdout_alone(capsys):
    """JSON on stdout is the same by both spellings."""
    assert _cli.main(["model", "versions", "mood", "--json"]) == 0
    new = capsys.readouterr()
    assert _cli.main(["versions", "mood", "--json"]) == 0
    old = capsys.readouterr()
    assert old.out == new.out
    assert (new.err, old.err.count("\n")) == ("", 1)


def test_the_retired_verb_still_runs(capsys):
    """`optimizers` names the module that takes its place, and works as before."""
    assert _cli.main(["optimizers", "chess"]) == 1
    err = capsys.readouterr().err
    assert "python -m hotseat_train.cli.optimizers" in err
    assert "no task 'chess'" in err


def test_old_spellings_of_options_work(capsys):
    """Old options store under the new name and name it on stderr."""
    from hotseat_train.cli import publish, train

    for verb, words, name, value in (
        (train.train, ["chat", "--trained"], "pretrained", True),
        (
            publish.publish,
            ["chat", "--max-loss", "2%"],
            "max_quality_drop",
            2.0,
        ),
    ):
        parser = argparse.ArgumentParser()
        verb(parser)
        assert getattr(parser.parse_args(words), name) == value
        assert f"'--{name.replace('_', '-')}'" in capsys.readouterr().err
        assert words[1] not in parser.format_help()


@pytest.fixture
def third_party(tmp_path):
    """A folder for PYTHONPATH with another package that adds verbs of its own."""
    (tmp_path / "studio_tools.py").write_text(
        "def mytool(parser):\n"
        "    parser.description = 'Count the levels.'\n"
        "    return lambda arguments: print('counted') or 0\n"
        "def stats(parser):\n"
        "    'Print statistics of a model.'\n"
        "    parser.add_argument('model')\n"
        "    return lambda arguments: print(arguments.model) or 0\n"
    )
    info = tmp_path / "studio_tools-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: studio-tools\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[hotseat.verbs]\n"
        "mytool = studio_tools:mytool\n"
        "model stats = studio_tools:stats\n"
        "broken = studio_tools:missing\n"
    )
    return tmp_path


def test_verbs_of_another_package_show_and_run(third_party):
    """A package with entry points adds verbs, alone and in our groups."""

    def hotseat(*words):
        done = subprocess.run(
            [sys.executable, "-m", "hotseat._cli", *words],
            env={**os.environ, "PYTHONPATH": str(third_party)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    code, overview = hotseat("--help")
    assert code == 0
    assert "\nfrom studio-tools:\n  mytool           count the levels\n" in overview
    assert "\n  broken           cannot be loaded: " in overview
    assert "\n  model stats      print statistics of a model\n" in overview
    assert "  model stats      print" in hotseat("model", "--help")[1]
    assert hotseat("mytool") == (0, "counted\n")
    assert hotseat("model", "stats", "mood") == (0, "mood\n")
    assert "usage: hotseat model stats" in hotseat("model", "stats", "--help")[1]


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
        (["model", "show", "mood@9"], 1, "no version 9"),
        (["model", "show", "nobody"], 1, "no model 'nobody'"),
        (["model", "versions", "nobody"], 1, "no model 'nobody'"),
        (["model", "history", "nobody"], 1, "no model 'nobody'"),
        (["model", "promote", "mood@9"], 1, "no version 9"),
        (["model", "promote", "mo od@1"], 1, "cannot name a model"),
        (["model", "rollback", "mood"], 1, "no alias 'live'"),
        (["train", "chess"], 1, "no task 'chess'"),
        (["quantize", "nothing"], 1, "hotseat train nothing"),
        (["publish", "nothing"], 1, "hotseat train nothing"),
        (["model", "versions", "--registry", "gs://x"], 1, "s3://bucket/prefix"),
        (["predict", "x", "--url", "nowhere"], 1, "not a base URL"),
        (["model", "promte", "mood@1"], 2, "did you mean 'model promote'?"),
        (["promte", "mood@1"], 2, "did you mean 'model promote'?"),
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
    "arguments", [["model", "promote"], ["train", "sentiment", "--optimizer", "newton"],
                  ["predict"], ["model", "rollback", "mood", "--steps", "0"],
                  ["generate", "levels", "boxes"]]
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
    verb, extra = {
        "torch": ("train sentiment", "train"),
        "rich": ("model versions", "ops"),
    }[blocked]
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
    from hotseat_serve.api.factory import create_router
    from hotseat_serve.settings import Settings

    assert _cli.main(["model", "promote", "mood@1"]) == 0
    settings = Settings(
        registry=folder.store.uri, cache=str(Path(folder.store.root)), log=False
    )
    server = uvicorn.Server(
        uvicorn.Config(create_app(create_router(settings)), port=0, log_level="error")
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


def test_other_machines_may_connect_only_where_it_is_said(capsys):
    """--host beyond loopback is refused, and names the flag."""
    assert _cli.main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    assert "--open" in capsys.readouterr().err
