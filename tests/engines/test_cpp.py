"""The C++ SDK over libcurl: every vector, its rules, faulty servers, a live service."""

import contextlib
import json
import re
import subprocess
from pathlib import Path

import pytest
from tls_server import dead_port, serve

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
CPP = ROOT / "sdk/cpp"
COMPILE = ("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{CPP / 'include'}")


def built(program, *sources):
    done = subprocess.run(
        [*COMPILE, *sources, "-o", program, "-lcurl", "-pthread"],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module")
def tests(tmp_path_factory):
    """The SDK's tests as a program."""
    return built(tmp_path_factory.mktemp("cpp") / "tests", CPP / "tests/main.cpp")


@pytest.fixture
def run(need, request):
    """Run a suite; all of its checks have to hold."""
    need("g++", "test-cpp")
    program = request.getfixturevalue("tests")

    def run(*words):
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=120, check=False
        )
        assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), (
            done.stdout + done.stderr
        )
        assert done.returncode == 0

    return run


def test_every_vector_is_replayed(run):
    """Requests, waits, answers and errors are those that every SDK has."""
    run("vectors", *sorted((ROOT / "sdk/spec/vectors").glob("*.json")))


def test_the_rules_hold(run):
    """A breaker a model, refused inputs, JSON, tickets that close."""
    run("rules")


def test_faults_end_in_time(run, faults):
    """Whatever a server does, a call ends at its deadline with a documented error."""
    run("faults", json.dumps(faults))


def test_networks_as_they_are(run, networks):
    """Idle, closed and forgotten connections; interim answers."""
    run("networks", networks)


def test_streams_of_events(run, streams):
    """Events however they are cut; a stream goes on, breaks, is left."""
    run("streams", str(ROOT / "sdk/spec/streams.json"), streams)


def test_texts_as_they_are_written(run, texts):
    """Every vector of texts, however its events are cut; texts are cancelled."""
    run("say", str(ROOT / "sdk/spec/say.json"), texts)


def test_names_as_they_are(run, names, monkeypatch):
    """A dead IPv6 address is passed (RFC 8305); a look-up that hangs ends in time."""
    monkeypatch.setenv("LD_PRELOAD", names)
    with contextlib.ExitStack() as stack:
        port = serve(stack)
        dead_port(stack, port)
        run("names", str(port))


def test_what_is_shown_answers(need, tmp_path, service):
    """The README's program compiles, and a live service answers it."""
    need("g++", "test-cpp")
    shown, _ = re.findall(
        r"```cpp\n(.*?)```", (CPP / "README.md").read_text(), re.DOTALL
    )
    source = tmp_path / "shown.cpp"
    source.write_text(shown.replace("https://models.example", service))
    done = subprocess.run(
        [built(tmp_path / "shown", source)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["positive", "service"], done.stdout + done.stderr


def test_unreals_plugin_compiles_and_its_transport_answers(need, tmp_path, service):
    """The plugin's sources, against stand-ins with Unreal's documented signatures."""
    need("g++", "test-cpp")
    module = CPP / "unreal/Hotseat/Source/Hotseat"
    program = built(
        tmp_path / "unreal", f"-I{CPP / 'tests/unreal'}", f"-I{module / 'Public'}",
        "-Wno-deprecated-declarations",  # the stand-in's codecvt
        *module.glob("Private/*.cpp"), CPP / "tests/unreal/main.cpp",
    )  # fmt: skip
    done = subprocess.run(
        [program, service], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.endswith("4 passed, 0 failed\n"), done.stdout + done.stderr
