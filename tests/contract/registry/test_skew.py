"""An old function and a new registry, and the other way round.

The last release is taken from the repository's history, where there is one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import last_release
import pytest

from hotseat_registry import Reference, archive, layout, open_registry, trust
from hotseat_registry.checksummed_json import write_checksummed
from hotseat_registry.entry import PROMOTE, Entry
from hotseat_registry.signing import Signer
from hotseat_registry.trust import LocalKey, Trust
from hotseat_serve.api.factory import create_router
from hotseat_serve.api.messages import Request
from hotseat_serve.settings import Settings

ASK = """
import json, os, sys
from hotseat_serve.api.factory import create_router
from hotseat_serve.api.messages import Request
from hotseat_serve.settings import Settings
router = create_router(Settings.from_env(os.environ))
router.models._in_background = lambda job: job()
for line in sys.stdin:
    for _ in range(2):
        answer = router.answer(Request("POST", "/model-service", line.encode()))
    body = json.loads(answer.body)
    print(answer.status, body.get("version"), body.get("detail"), flush=True)
"""


@pytest.fixture(scope="session")
def old_functions(tmp_path_factory):
    """The functions of the last release, as a folder."""
    folder = tmp_path_factory.mktemp("old")
    return last_release.unpack(folder, "functions", "sdk/python/src") / "functions"


@pytest.fixture
def world(tmp_path, publish, keys):
    """A registry with two signed versions, the first live, and a signer."""
    registry = open_registry(f"file://{tmp_path}/registry")
    key = LocalKey(keys[0])
    for positive in (0.9, 0.8):
        manifest = publish(registry, positive=positive)
        archive.add_signature(registry, manifest, trust.sign(manifest, key))
    registry.promote(Reference("mood", version=1), by="ada")
    return registry, Signer(registry, key, "ada", Trust.read(str(keys[1])))


@pytest.fixture
def old_service(old_functions, world, keys, tmp_path):
    """The last release's service over this registry: ask it, or read its log."""
    log = (tmp_path / "old.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-c", ASK],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        env={
            **os.environ, "PYTHONPATH": str(old_functions), "HOTSEAT_LOG": "0",
            "HOTSEAT_REGISTRY": world[0].store.uri, "HOTSEAT_DEFAULT_MODEL": "mood",
            "HOTSEAT_CACHE": str(tmp_path / "old"), "HOTSEAT_TRUST": str(keys[1]),
            "HOTSEAT_REFRESH_SECONDS": "0",
        },
    )  # fmt: skip

    def ask():
        process.stdin.write('{"text": "good"}\n')
        process.stdin.flush()
        return process.stdout.readline().split(maxsplit=2)[:2]

    def said():
        text = Path(log.name).read_text("utf-8")
        log.truncate(0)
        return text

    ask.said = said
    yield ask
    process.stdin.close()
    process.wait(20)
    process.stdout.close()
    log.close()


def test_an_old_function_meets_new_heads(world, old_service):
    """It follows the ledger as before: a first signed head, moves and back."""
    registry, signer = world
    assert old_service() == ["200", "1"]
    signer.renew("mood")
    assert old_service() == ["200", "1"]
    registry.promote(Reference("mood", version=2), by="ada")
    signer.approve("mood")
    assert old_service() == ["200", "2"]
    signer.revoke(Reference("mood", version=1), None)
    registry.rollback("mood", by="ada")
    assert old_service() == ["200", "1"]


ENCRYPTED = b"age-encryption.org/v1\n" + bytes(range(256))


def test_an_old_function_meets_a_head_it_cannot_read(world, old_service):
    """Another form, or encrypted: it says so, and keeps what it serves."""
    registry, _ = world
    assert old_service() == ["200", "1"]
    place = registry.store.root / layout.head("mood")
    good = place.read_bytes()
    for strange in (b"{}", good.replace(b'"aliases"', b'"stands"'), ENCRYPTED):
        place.write_bytes(strange)
        assert old_service() == ["200", "1"]
        assert "models/mood/head.json" in old_service.said()


def test_an_old_function_meets_a_kind_it_does_not_know(world, old_service):
    """It names the kind, and keeps what it serves."""
    registry, _ = world
    assert old_service() == ["200", "1"]
    manifest = registry.store.root / layout.manifest("mood", 2)
    newer = json.loads(manifest.read_bytes())
    newer.pop("seal")
    newer["kind"] = "telepathy"
    manifest.write_bytes(write_checksummed(newer))
    move = Entry("mood", PROMOTE, "x", registry.time(), alias="live", after=2)
    registry.ledger.change(registry.ledger.head("mood"), move)
    assert old_service() == ["200", "1"]
    assert "telepathy" in old_service.said()


def test_an_old_function_meets_files_it_cannot_decrypt(world, old_service):
    """It says that the bytes are not those of the version, and serves the former."""
    registry, _ = world
    assert old_service() == ["200", "1"]
    first, second = (
        {
            f.sha256
            for f in registry.resolve(Reference("mood", version=n)).files.values()
        }
        for n in (1, 2)
    )
    for digest in second - first:
        blob = registry.store.root / layout.blob(digest)
        blob.chmod(0o644)
        blob.write_bytes(ENCRYPTED)
    registry.promote(Reference("mood", version=2), by="ada")
    assert old_service() == ["200", "1"]
    said = old_service.said()
    assert "stays on mood@1" in said
    assert "do not match their digest" in said


def test_a_new_function_meets_an_old_registry(world, keys, tmp_path):
    """Without the demand it serves as before; with it, it says which command is due."""
    registry, signer = world
    common = {
        "registry": registry.store.uri, "cache": str(tmp_path / "new"), "log": False,
        "default_model": "mood", "trust": str(keys[1]),
    }  # fmt: skip

    def status(**more):
        router = create_router(Settings(**common, **more))
        return router.answer(Request("POST", "/model-service", b'{"text": "good"}'))

    assert status().status == 200
    assert status(signed_heads=True).status == 503
    signer.renew("mood")
    assert status(signed_heads=True).status == 200
    assert status().status == 200


def test_old_commands_and_new_ones_write_one_ledger(world, old_functions):
    """An operator with the last release moves an alias; the next signer sees it."""
    registry, signer = world
    signer.renew("mood")
    script = (
        "import sys; from hotseat_registry import Reference, open_registry;"
        "open_registry(sys.argv[1]).promote(Reference('mood', version=2), by='old')"
    )
    subprocess.run(
        [sys.executable, "-c", script, registry.store.uri],
        env={**os.environ, "PYTHONPATH": str(old_functions)}, check=True,
    )  # fmt: skip
    from hotseat_registry.errors import RefusedError

    with pytest.raises(RefusedError, match="live 1 -> 2"):
        signer.check_signed("mood")
    assert signer.approve("mood").head.aliases["live"].version == 2
    assert [entry.sequence for entry in registry.ledger.history("mood")] == [1, 2]


OLD_SDK = """
import json, sys
from hotseat import ModelServiceClient
with ModelServiceClient(sys.argv[1], deadline=30) as client:
    told = client.predict("good", model="mood")
    brought = client.download("mood#live", folder=sys.argv[2], trust=[sys.argv[3]],
                              refresh=0)
    print(json.dumps([told.version, brought.version, brought.signed_by is not None,
                      [model.name for model in client.models()]]))
"""


def test_the_last_releases_sdk_meets_the_newest_service(
    world, old_functions, keys, tmp_path
):
    """Answers, the list, and a signed version beside a signed head: all as before."""
    registry, signer = world
    old_sdk = old_functions.parent / "sdk/python/src"
    signer.renew("mood")
    server = subprocess.Popen(
        [sys.executable, "-m", "hotseat._cli", "serve", "--port", "0", "--registry",
         registry.store.uri, "--downloads", "mood", "--model", "mood"],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "HOTSEAT_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    try:
        url = server.stdout.readline().split()[-1]
        old_sdk = str(old_functions.parent / "sdk/python/src")
        done = subprocess.run(
            [sys.executable, "-c", OLD_SDK, url, tmp_path / "device", keys[1]],
            env={**os.environ, "PYTHONPATH": str(old_sdk)},
            capture_output=True, check=False,
        )  # fmt: skip
    finally:
        server.terminate()
        server.wait(20)
        server.stdout.close()
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == [1, 1, True, ["mood"]]
