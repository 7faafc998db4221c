"""The C# SDK by Mono: every vector, its rules, faults, a live service, Unity's seam."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import last_release
import pytest
from tls_server import certificate, serve

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
UNITY = ROOT / "sdk/unity"
TEXTS = ROOT / "sdk/spec/say.json"
STREAMS = ROOT / "sdk/spec/streams.json"
LIBSSL = ROOT / ".venv/dotnet/psycopg2_binary.libs"  # for SHA-256
PORTABLE = ROOT / "sdk/spec/portable.json"
# the newest C# that mcs and Unity 2020 both know; a warning is an error
COMPILE = ("-langversion:7.2", "-warn:4", "-warnaserror", "-r:System.Net.Http.dll")


CLASS = """
using System.Collections; using System.Threading.Tasks; using Hotseat;
sealed class Shown {
    void Show(string line, bool hidden) { }
    void Play(string action) { }
    %s
}
"""


def compiled(program, *sources, options=(), sdk=UNITY):
    """Compile the SDK with more sources; returns the program."""
    done = subprocess.run(
        ["mcs", *COMPILE, *options, "-debug", f"-out:{program}",
         *sdk.glob("Runtime/*.cs"), *sources],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return program


@pytest.fixture(scope="module")
def tests(tmp_path_factory):
    """The SDK and its tests as one program."""
    program = tmp_path_factory.mktemp("unity") / "Tests.exe"
    return compiled(program, *UNITY.glob("Tests~/*.cs"))


@pytest.fixture
def mono(need):
    """Run a program of tests; all of them have to hold."""
    command = need("mono", "test-unity")
    need("mcs", "test-unity")

    def run(program, *words):
        done = subprocess.run(
            [command, "--debug", program, *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), (
            done.stdout + done.stderr
        )
        assert (done.returncode, done.stderr) == (0, "")

    return run


@pytest.fixture
def run(mono, request):
    """Run a suite of the SDK's tests."""
    program = request.getfixturevalue("tests")
    return lambda *words: mono(program, *words)


def test_every_vector_is_replayed(run):
    """Requests, waits, answers and errors are those that every SDK has."""
    run("vectors", ROOT / "sdk/spec/vectors")


def test_the_rules_hold(run):
    """Tickets, circuit, JSON, addresses and keys do as the SDK's own tests say."""
    run("rules")


def test_networks_as_they_are(run):
    """Happy eyeballs; idle, closed and forgotten connections; 1xx, chunks."""
    run("networks")


def test_streams_of_events(run):
    """Events however they are cut; a stream goes on, breaks, is cancelled."""
    run("streams", STREAMS)


def test_texts_as_they_are_written(run, texts):
    """Every vector of texts, however its events are cut; a text is cancelled."""
    run("say", TEXTS, texts)


def test_offline_models_answer_as_pythons(run):
    """Linear models, trees and networks of the game's files: answers, errors, files."""
    run("offline", PORTABLE)


def test_certificates_are_checked(run, need, tmp_path, monkeypatch):
    """A certificate of a known authority and of the right name, or no answer."""
    need("openssl", "test-unity")
    known, unknown = (certificate(name, tmp_path) for name in ("known", "unknown"))
    digest = subprocess.run(
        ["openssl", "x509", "-subject_hash", "-noout", "-in", known],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    trust = tmp_path / ".config/.mono/new-certs/Trust"  # a user's authorities
    trust.mkdir(parents=True)
    shutil.copy(known, trust / f"{digest}.0")
    monkeypatch.setenv("HOME", str(tmp_path))
    with contextlib.ExitStack() as stack:
        right, wrong = serve(stack, known), serve(stack, unknown)
        urls = f"good.test:{right}", f"other.test:{right}", f"good.test:{wrong}"
        run("tls", " ".join(f"https://{url}" for url in urls))


def test_faults_end_in_time(run, faults):
    """Whatever a server does, a call ends at its deadline and no frame waits for it."""
    run("faults", json.dumps(faults))


def test_a_live_service_is_asked(run, service):
    """Text, features, a board, many, tickets, a refusal; a default when it is away."""
    run("live", service)


def test_the_last_release_asks_the_newest_service(mono, service, tmp_path):
    """The SDK of the last release, with its own suite of a live service."""
    old = last_release.unpack(tmp_path, "sdk/unity") / "sdk/unity"
    program = compiled(tmp_path / "Old.exe", *old.glob("Tests~/*.cs"), sdk=old)
    mono(program, "live", service)


def test_unitys_own_door_and_the_sample_work(mono, tmp_path):
    """What stands behind Unity's defines, against a stand-in for Unity."""
    stub = (*UNITY.glob("Samples~/*/*.cs"), *UNITY.glob("Tests~/Stub/*.cs"))
    unity = ("-d:UNITY_2020_2_OR_NEWER", "-nowarn:0649")
    mono(compiled(tmp_path / "Stub.exe", *stub, options=unity))
    compiled(tmp_path / "Web.exe", *stub, options=(*unity, "-d:UNITY_WEBGL"))


@pytest.mark.parametrize("document", ["sdk/unity/README.md", "docs/how-to/games.md"])
def test_what_is_shown_compiles(mono, tmp_path, document):
    """The quick starts are programs, of fifteen lines at most."""
    assert mono
    text = (ROOT / document).read_text("utf-8")
    (shown,) = re.findall(r"```cs\n(.*?)```", text, re.DOTALL)
    source = tmp_path / "Shown.cs"
    source.write_text(CLASS % shown, "utf-8")
    compiled(tmp_path / "Shown.dll", source, options=("-target:library",))
    assert len(shown.splitlines()) <= 15


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """The SDK and its tests, compiled for CoreCLR: the command that runs them."""
    home = ROOT / ".venv/dotnet/dotnetcore2/bin"
    if not (home / "dotnet").exists():
        pytest.skip("no CoreCLR: make test-unity brings it")
    (framework,) = (home / "shared/Microsoft.NETCore.App").iterdir()
    folder = tmp_path_factory.mktemp("core")
    program = folder / "Tests.dll"
    done = subprocess.run(
        ["mcs", "-langversion:7.2", "-nostdlib", "-noconfig", "-nowarn:1701,1702",
         *(f"-r:{one}" for one in framework.glob("*.dll") if _is_managed(one)),
         f"-out:{program}", *UNITY.glob("Runtime/*.cs"), *UNITY.glob("Tests~/*.cs")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    version = {"name": "Microsoft.NETCore.App", "version": framework.name}
    (folder / "Tests.runtimeconfig.json").write_text(
        json.dumps({"runtimeOptions": {"framework": version}})
    )
    return [home / "dotnet", program]


def _is_managed(library):
    """Whether a library is .NET's, by its name: the rest is native code."""
    # WindowsRuntime's extension methods hide those of tasks from mcs
    return "WindowsRuntime" not in library.name and library.name.startswith(
        ("System.", "Microsoft.", "mscorlib", "netstandard")
    )


@pytest.mark.parametrize(
    "suite",
    ["vectors", "rules", "networks", "streams", "say", "offline", "faults", "live"],
)
def test_core_clr_does_the_same(core, suite, request):
    """Every suite of Mono's passes on .NET's own runtime."""
    words = {
        "vectors": lambda: [ROOT / "sdk/spec/vectors"],
        "rules": list,
        "networks": list,
        "streams": lambda: [STREAMS],
        "say": lambda: [TEXTS, request.getfixturevalue("texts")],
        "offline": lambda: [PORTABLE],
        # https needs an OpenSSL 1 beside this old runtime
        "faults": lambda: [
            json.dumps(
                [
                    row
                    for row in request.getfixturevalue("faults")
                    if row["name"] != "no TLS"
                ]
            )
        ],
        "live": lambda: [request.getfixturevalue("service")],
    }[suite]()
    done = subprocess.run(
        [*core, suite, *words],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
             **({"LD_LIBRARY_PATH": str(LIBSSL)} if suite == "offline" else {})},
    )  # fmt: skip
    passed = re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE)
    assert passed, done.stdout + done.stderr
