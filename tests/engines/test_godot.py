"""The Godot addon in a real engine: every vector, its rules, faults, a live service."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import last_release
import pytest
from tls_server import certificate, dead_port, serve

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
# what Debian's engine says on a machine with no screen and no folder for a player
# and of an answer that is no HTTP
USUAL = ("make_dir_recursive", "get_language_code", "set_locale", "core/os/dir_access",
         "core/translation", "read_response_body_chunk", "http_client",
         "_resolve_hostname", "ip_unix")  # fmt: skip


@pytest.fixture
def godot(need, tmp_path):
    """Run a suite of the addon's tests; all of them have to hold."""
    engine = need("godot3-server", "test-godot")

    def run(suites, project=ROOT / "sdk/godot/godot3", **environment):
        done = subprocess.run(
            [engine, "--path", project, "-s", "test/run.gd"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LANG": "en_US.UTF-8",
                "HOTSEAT_SUITES": suites,
                **environment,
            },
        )
        assert re.search(r"^[1-9]\d* passed, 0 failed$", done.stdout, re.MULTILINE), (
            done.stdout + done.stderr
        )
        assert done.returncode == 0
        strange = [
            line for line in done.stderr.splitlines()
            if line.strip() and not any(word in line for word in USUAL)
        ]  # fmt: skip
        assert not strange, done.stderr

    return run


def test_every_vector_is_replayed(godot):
    """Requests, waits, answers and errors are those that every SDK has."""
    godot("vectors", HOTSEAT_VECTORS=str(ROOT / "sdk/spec/vectors"))


def test_the_rules_hold(godot):
    """Tickets, circuit, JSON, addresses and keys do as the addon's own tests say."""
    godot("rules,tickets")


def test_faults_end_in_time(godot, faults):
    """Whatever a server does, a call ends at its deadline and no frame waits for it."""
    godot("faults", HOTSEAT_FAULTS=json.dumps(faults))


def test_a_slow_dns_stops_no_frame(godot, names):
    """Names are looked up in a thread: the frame goes on, the deadline holds."""
    godot("dns", HOTSEAT_SLOW_HOST="slow.test", LD_PRELOAD=names)


def test_networks_as_they_are(godot, networks):
    """Idle, closed and forgotten connections; interim answers."""
    godot("networks", HOTSEAT_NETWORKS=networks)


def test_streams_of_events(godot, streams):
    """Events however they are cut; a stream goes on, breaks, is cancelled."""
    vectors = str(ROOT / "sdk/spec/streams.json")
    godot("streams", HOTSEAT_STREAMS=streams, HOTSEAT_STREAM_VECTORS=vectors)


def test_texts_as_they_are_written(godot, texts):
    """Every vector of texts, however its events are cut; a text is cancelled."""
    vectors = str(ROOT / "sdk/spec/say.json")
    godot("say", HOTSEAT_TEXTS=texts, HOTSEAT_TEXT_VECTORS=vectors)


def test_offline_models_answer_as_pythons(godot):
    """Linear models, trees and networks of the game's files: answers, errors, files."""
    godot("offline", HOTSEAT_PORTABLE=str(ROOT / "sdk/spec/portable.json"))


def test_a_dead_address_is_passed(godot, names, need, tmp_path):
    """SYNs to IPv6 that vanish do not keep IPv4 from answering (RFC 8305)."""
    need("openssl", "test-godot")
    known = certificate("known", tmp_path, "dual.test")
    project = tmp_path / "project"
    shutil.copytree(ROOT / "sdk/godot/godot3", project)
    shutil.copy(known, project / "known.crt")  # the engine reads no .pem
    (project / "override.cfg").write_text(
        '[network]\nssl/certificates="res://known.crt"\n'
    )
    with contextlib.ExitStack() as stack:
        ports = serve(stack), serve(stack, known)
        for port in ports:
            dead_port(stack, port)
        urls = f"http://dual.test:{ports[0]} https://dual.test:{ports[1]}"
        godot("dual", project, HOTSEAT_DUAL=urls, LD_PRELOAD=names)


def test_a_live_service_is_asked(godot, service):
    """Text, features, a board, many, tickets, a refusal; a default when it is away."""
    godot("live", HOTSEAT_LIVE=service, HOTSEAT_URL=service)


def test_the_last_release_asks_the_newest_service(godot, service, tmp_path):
    """The addon of the last release, with its own suite of a live service."""
    folder = last_release.unpack(tmp_path, "sdk/godot/godot3") / "sdk/godot/godot3"
    godot("live", folder, HOTSEAT_LIVE=service, HOTSEAT_URL=service)


@pytest.mark.parametrize("document", ["sdk/godot/README.md", "docs/how-to/games.md"])
def test_what_is_shown_is_read(need, tmp_path, document):
    """The quick starts are scripts that Godot reads, of fifteen lines at most."""
    text = (ROOT / document).read_text("utf-8")
    (shown,) = re.findall(r"```gdscript\n(.*?)```", text, re.DOTALL)
    around = (
        "extends Node\nvar board\nfunc play(_a): pass\nfunc show_line(_a, _b): pass\n"
    )
    (tmp_path / "project.godot").write_text("config_version=4\n")
    (tmp_path / "shown.gd").write_text(around + shown, "utf-8")
    done = subprocess.run(
        [need("godot3-server", "test-godot"), "--path", tmp_path, "--check-only",
         "-s", "shown.gd"],
        capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0
    assert "Parse Error" not in done.stdout + done.stderr, done.stderr
    assert len(shown.splitlines()) <= 15
