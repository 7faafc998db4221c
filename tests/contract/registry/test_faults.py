"""Stores that fail, processes that race and die: nothing lost, nothing half done."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from hotseat_registry import Reference, Registry, layout, open_registry
from hotseat_registry import entry as entries
from hotseat_registry.audit import audit
from hotseat_registry.cache import Cache
from hotseat_registry.checksummed_json import read_checksummed, write_checksummed
from hotseat_registry.errors import IntegrityError, StoreError
from hotseat_registry.stores import s3
from hotseat_registry.stores.s3 import S3Store

RACER = Path(__file__).with_name("racer.py")


def racer(uri, *arguments, **environment):
    """Start a process that publishes or moves aliases."""
    return subprocess.Popen(
        [sys.executable, RACER, uri, *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def place(kind, tmp_path, request):
    """A registry's URI on the folder, or on moto's server over a socket."""
    if kind == "folder":
        return f"file://{tmp_path}/registry", {}
    environment = {
        "AWS_ENDPOINT_URL": request.getfixturevalue("moto_server"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        request.getfixturevalue("aws").setenv(name, value)
    bucket = f"race{random.randrange(10**9)}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/hotseat", environment


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "publishes", "moves"), [("folder", 100, 200), ("s3", 48, 96)]
)
def test_eight_processes_race(kind, publishes, moves, tmp_path, request, publish):
    """Publishes and moves at once: no gap, every success exactly once."""
    uri, environment = place(kind, tmp_path, request)
    registry = open_registry(uri)
    publish(registry)
    each = [publishes // 8 + (n < publishes % 8) for n in range(8)]
    racers = [
        racer(uri, n, each[n], moves // 8, tmp_path / f"racer{n}", **environment)
        for n in range(8)
    ]
    published, moved = [], []
    for process in racers:
        out, _ = process.communicate(timeout=240)
        assert process.returncode == 0
        for line in out.splitlines():
            what, *fields = line.split()
            (published if what == "published" else moved).append(tuple(fields))
    assert len(published) == publishes
    numbers = sorted(int(number) for (number,) in published)
    assert numbers == list(range(2, publishes + 2)) == registry.versions("mood")[1:]
    assert len(moved) == moves
    history = registry.ledger.history("mood")
    entries.check(history)
    assert sorted((str(e.sequence), e.by, str(e.after)) for e in history) == sorted(
        moved
    )
    for entry in history[::20]:
        then = datetime.fromisoformat(entry.at)
        last = [e for e in history if e.at == entry.at][-1]
        assert registry.ledger.as_of("mood", then) == last.aliases
    assert audit(registry).damage == ()


@pytest.mark.slow
def test_killed_publishers_leave_no_damage(tmp_path, publish):
    """Kill -9 at 100 random moments: no reader sees anything damaged."""
    uri = f"file://{tmp_path}/registry"
    registry = open_registry(uri)
    publish(registry)
    chance, seconds, known = random.Random(1), 0.03, 1
    for n in range(100):
        process = racer(uri, n, 1000, 1000, tmp_path / "racer")
        process.stdout.readline()  # it is at work
        time.sleep(chance.random() * seconds)
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        process.communicate()
        if n % 10 == 9:
            assert audit(registry).damage == ()
            numbers = registry.versions("mood")
            if len(numbers) < known + 5:  # a busy machine publishes more slowly
                seconds *= 2
            known = len(numbers)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 20


@pytest.fixture
def bucket(aws):
    """A registry on a bucket, and the client whose answers can be bent."""
    assert aws
    with mock_aws():
        client = s3.client()
        client.create_bucket(Bucket="models")
        yield Registry(S3Store("s3://models/game", client)), client


def refuse(client, operation, *codes):
    """Let the next calls of an operation fail with these codes."""
    left = list(codes)

    def bend(**_):
        if left:
            code, status = left.pop(0)
            raise ClientError(
                {
                    "Error": {"Code": code},
                    "ResponseMetadata": {"HTTPStatusCode": status},
                },
                operation,
            )

    client.meta.events.register_first(f"before-call.s3.{operation}", bend)
    return left


def test_a_conflict_in_s3_is_tried_again(bucket, publish):
    """A 409 for a write at the same moment is no answer: it is repeated."""
    registry, client = bucket
    publish(registry)
    left = refuse(client, "PutObject", *[("ConditionalRequestConflict", 409)] * 3)
    registry.promote(Reference("mood", version=1), by="ada")
    assert left == []
    assert registry.aliases("mood") == {"live": 1}


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "NoSuchBucket"])
def test_s3_s_refusals_name_the_object(bucket, publish, code):
    """Access denied, throttled, no bucket: a store's error that names the object."""
    registry, client = bucket
    publish(registry)
    refuse(client, "PutObject", *[(code, 403)] * 9)
    with pytest.raises(StoreError, match=rf"s3://models/game, models/mood/.*{code}"):
        registry.promote(Reference("mood", version=1), by="ada")
    assert registry.aliases("mood") == {}
    assert audit(registry).damage == ()


def test_throttling_is_waited_for(aws):
    """The client itself repeats what S3 slows down."""
    assert aws
    client = s3.client()
    assert client.meta.config.retries["mode"] == "standard"
    with Stubber(client):
        assert client.meta.config.retries["total_max_attempts"] >= 5


def test_a_key_encrypts_what_is_written(aws, publish):
    """With a KMS key, manifests, heads and blobs are encrypted with it."""
    assert aws
    with mock_aws():
        client = s3.client()
        client.create_bucket(Bucket="models")
        registry = Registry(S3Store("s3://models/game", client, kms_key="alias/games"))
        publish(registry)
        registry.promote(Reference("mood", version=1), by="ada")
        found = client.list_objects_v2(Bucket="models")["Contents"]
        assert len(found) == 4
        for item in found:
            head = client.head_object(Bucket="models", Key=item["Key"])
            assert head["ServerSideEncryption"] == "aws:kms"
            assert head["SSEKMSKeyId"].endswith("alias/games")
            assert item["Key"].startswith("game/")


def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path, publish, monkeypatch):
    """Without room left, publish and promote are refused and what stands stands."""
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry)
    registry.promote(Reference("mood", version=1), by="ada")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for act in (
        lambda: publish(registry, positive=0.7),
        lambda: registry.promote(Reference("mood", version=1), "canary", by="ada"),
    ):
        with pytest.raises(StoreError, match=r"registry.*No space left on device"):
            act()
    monkeypatch.undo()
    assert registry.versions("mood") == [1]
    assert registry.aliases("mood") == {"live": 1}
    assert audit(registry).damage == ()


@pytest.mark.parametrize(
    "key",
    [
        layout.manifest("mood", 1),
        layout.head("mood"),
        layout.entry("mood", 1),
        "blob",
        "golden",
    ],
)
def test_a_flipped_byte_in_any_object_is_found(tmp_path, publish, key):
    """Whichever byte of whichever object is changed, the audit names the object."""
    registry = open_registry(f"file://{tmp_path}/registry")
    files = publish(registry).files
    for _ in range(2):
        registry.promote(Reference("mood", version=1), by="ada")
    key = {
        "blob": layout.blob(files["model.onnx"].sha256),
        "golden": layout.blob(files["golden.json"].sha256),
    }.get(key, key)
    path = Path(registry.store.root) / key
    good = path.read_bytes()
    missed = []
    for at in range(0, len(good), max(1, len(good) // 60)):
        bad = bytearray(good)
        bad[at] ^= 0x04
        path.write_bytes(bytes(bad))
        if not audit(registry).damage:
            missed.append(good[max(0, at - 20) : at + 20])
    assert missed == []


def test_a_truncated_blob_and_a_newer_manifest_are_named(tmp_path, publish):
    """Half a blob and a manifest from the future say what they are."""
    registry = open_registry(f"file://{tmp_path}/registry")
    manifest = publish(registry)
    root = Path(registry.store.root)
    blob = root / layout.blob(manifest.files["model.onnx"].sha256)
    blob.write_bytes(blob.read_bytes()[:50])
    with pytest.raises(IntegrityError, match=r"mood@1, model\.onnx"):
        registry.fetch(manifest, Cache(tmp_path / "cache"))
    path = root / layout.manifest("mood", 1)
    document = read_checksummed(path.read_bytes(), "manifest")
    path.write_bytes(write_checksummed({**document, "format": 99}))
    with pytest.raises(IntegrityError, match=r"mood@1 has manifest format 99.*update"):
        registry.resolve(Reference("mood", version=1))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_large_blob_takes_little_memory(kind, tmp_path, request):
    """A blob goes in and comes out a piece at a time: 256 MB in under 100 more."""
    uri, environment = place(kind, tmp_path, request)
    script = Path(__file__).parents[3] / "benchmarks/registry.py"
    done = subprocess.run(
        [sys.executable, script, "--blob", uri, tmp_path, "--size", "256"],
        env={**os.environ, **environment},
        capture_output=True,
        check=True,
    )
    peak = json.loads(done.stdout)
    assert peak["peak_mb"] - peak["base_mb"] < 100
