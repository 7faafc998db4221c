"""The C# SDK by Mono: every vector, its rules, faults, a live service, Unity's seam."""

import json
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
UNITY = ROOT / "sdk/unity"
# the newest C# that mcs and Unity 2020 both know; a warning is an error
COMPILE = ("-langversion:7.2", "-warn:4", "-warnaserror", "-r:System.Net.Http.dll")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The SDK and its tests as one program."""
    program = tmp_path_factory.mktemp("unity") / "Tests.exe"
    sources = [*UNITY.glob("Runtime/*.cs"), *UNITY.glob("Tests~/*.cs")]
    done = subprocess.run(
        ["mcs", *COMPILE, "-debug", f"-out:{program}", *sources],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return program


@pytest.fixture
def run(need, request):
    """Run a suite of the SDK's tests; what it prints, where all of them hold."""
    mono = need("mono", "test-unity")
    need("mcs", "test-unity")
    program = request.getfixturevalue("compiled")

    def run(*words):
        done = subprocess.run(
            [mono, "--debug", program, *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), (
            done.stdout + done.stderr
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def test_every_vector_is_replayed(run):
    """Requests, waits, answers and errors are those that every SDK has."""
    run("vectors", ROOT / "sdk/spec/vectors")


def test_the_rules_hold(run):
    """Tickets, circuit, JSON, addresses and keys do as the SDK's own tests say."""
    run("rules")


def test_faults_end_in_time(run, faults):
    """Whatever a server does, a call ends at its deadline and no frame waits for it."""
    run("faults", json.dumps(faults))


def test_a_live_service_is_asked(run, service):
    """Text, features, a board, many, tickets, a refusal; a default when it is away."""
    run("live", service)
