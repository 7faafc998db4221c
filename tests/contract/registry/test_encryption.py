"""Versions whose files are stored encrypted, from publishing to serving."""

import argparse
import base64
import json
import os
import shutil
from dataclasses import replace

import boto3
import numpy as np
import onnx
import pytest

from hotseat_registry import Reference, Registry, Variant, layout, open_registry
from hotseat_registry.archive import copy, read, write
from hotseat_registry.audit import audit
from hotseat_registry.bake import bake
from hotseat_registry.cache import Cache
from hotseat_registry.cli.decrypt import decrypt as decrypt_verb
from hotseat_registry.diff import diff
from hotseat_registry.encrypted_version import decrypt
from hotseat_registry.encryption import CARD
from hotseat_registry.errors import IntegrityError, NoKeyError, StoreError
from hotseat_registry.gc import collect_garbage
from hotseat_registry.stores.folder import FolderStore
from hotseat_registry.trust import LocalKey as SigningKey
from hotseat_registry.trust import Trust, sign
from hotseat_registry.wrapping_keys import KmsKey, LocalKey, open_key
from hotseat_serve.api.downloads import Downloads
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import column_reader
from hotseat_serve.runtime.loader import load
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.runtime.run_queue import RunQueue
from hotseat_serve.settings import Settings

ONE = Reference("mood", version=1)


@pytest.fixture
def key_file(tmp_path):
    """A key file as `openssl rand -base64 32` writes it."""

    def make(name="blobs.key"):
        path = tmp_path / name
        path.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
        return path

    return make


@pytest.fixture
def stored(tmp_path, bundle, key_file):
    """An encrypted version 1 of mood in a folder; the registry and its key's file."""
    registry, path = Registry(FolderStore(tmp_path / "registry")), key_file()
    manifest, files = bundle()
    registry.publish(manifest, files, by="ada", encrypt=open_key(str(path)))
    return registry, path


def settings(tmp_path, *keys, **more):
    places = ",".join(map(str, keys))
    return Settings(cache=str(tmp_path / "cache"), decrypt_keys=places, **more)


def test_it_is_served_and_nothing_of_it_lies_in_the_clear(stored, bundle, tmp_path):
    """Registry, cache and temporary folder hold no byte sequence of any plain file."""
    registry, path = stored
    _, files = bundle()
    registry.promote(ONE, by="ada")
    events = []
    models = ModelCache(
        registry, settings(tmp_path, path), notify=lambda *event: events.append(event)
    )
    loaded = models.get(Reference("mood", alias="live"))
    assert loaded.predict(["good"])[0]["probability"] == pytest.approx(0.9)
    assert loaded.sample_input == {"text": "good"}
    (event,) = events
    assert event[0] == "version_decrypted"
    assert event[1]["bytes"] > 300
    assert event[1]["decrypt_ms"] >= 0
    secrets = [files["model.onnx"].read_bytes()[8:40], b"expected", b"Knows one word"]
    for place in (tmp_path / "registry", tmp_path / "cache"):
        for found in filter(os.path.isfile, place.rglob("*")):
            data = found.read_bytes()
            assert not [part for part in secrets if part in data], found


def test_explanations_and_batches_read_the_graph_again(stored, bundle, tmp_path):
    """It is decrypted anew for them; a file that only they read is so, too."""
    registry, path = stored
    _, files = bundle()
    loaded = load(registry, ONE, settings(tmp_path, path))
    graph = files["model.onnx"].read_bytes()
    entry = loaded.manifest.files["model.onnx"]
    assert column_reader.read(loaded.graph, entry) == graph
    assert loaded.fetch(CARD).read_bytes().startswith(b"# mood")
    assert loaded.explain({"text": "good"}, "/input")["label"] == "positive"
    RunQueue(1, 64).attach(loaded)
    assert loaded.predict(["good"])


def test_a_new_version_is_tried_in_a_subprocess(stored, tmp_path):
    """The trial decrypts as well, with the data key from its pipe."""
    registry, path = stored
    loaded = load(
        registry, ONE, settings(tmp_path, path), lambda *_: True, in_subprocess=True
    )
    assert loaded.predict(["good"])


def test_weights_beside_the_graph_stay_in_memory(tmp_path, bundle, key_file):
    """External data are passed to the runtime as bytes."""
    manifest, files = bundle()
    large = onnx.load(files["model.onnx"])
    rows = onnx.numpy_helper.to_array(large.graph.initializer[0]).astype(np.float32)
    padded = np.vstack([rows, np.zeros((500, 2), np.float32)])
    large.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(padded, "rows"))
    folder = tmp_path / "external"
    folder.mkdir()
    onnx.save(
        large, folder / "model.onnx", save_as_external_data=True,
        location="weights.bin", size_threshold=0,
    )  # fmt: skip
    manifest = replace(
        manifest, variants=(Variant("fp32", "model.onnx", data=("weights.bin",)),)
    )
    files = {**files, "model.onnx": folder / "model.onnx",
             "weights.bin": folder / "weights.bin"}  # fmt: skip
    registry, path = Registry(FolderStore(tmp_path / "r")), key_file()
    registry.publish(manifest, files, by="ada", encrypt=open_key(str(path)))
    shutil.rmtree(folder)
    for spare in (False, True):
        loaded = load(
            registry, ONE, settings(tmp_path, path), lambda *_: spare,  # noqa: B023
            in_subprocess=spare,
        )  # fmt: skip
        assert loaded.predict(["good"])[0]["probability"] == pytest.approx(0.9)


def test_without_the_right_key_it_says_which_one(stored, tmp_path, key_file):
    """A missing and a wrong key are named, and where to name the right one."""
    registry, path = stored
    name = open_key(str(path)).name
    with pytest.raises(NoKeyError, match=f"{name}.*no key is given.*DECRYPT_KEYS"):
        load(registry, ONE, settings(tmp_path))
    other = key_file("other.key")
    with pytest.raises(NoKeyError, match=f"{name}, which is none of those"):
        load(registry, ONE, settings(tmp_path, other))
    assert load(registry, ONE, settings(tmp_path, other, path))
    other.write_text("c2hvcnQ=")
    with pytest.raises(NoKeyError, match=r"other\.key is no key.*5 bytes.*openssl"):
        open_key(str(other))
    with pytest.raises(NoKeyError, match="is no key"):
        open_key(str(tmp_path / "none.key"))


@pytest.mark.parametrize("change", ["swap", "cut", "flip", "short", "other model"])
def test_changed_bytes_do_not_decrypt(stored, tmp_path, change):
    """Whoever writes bucket and manifest, but has no key, gets nothing served."""
    registry, path = stored
    manifest = registry.resolve(ONE)
    paths = registry.fetch(manifest, Cache(tmp_path / "c"))
    places = [str(path)]
    if change == "swap":
        paths["golden.json"], paths["model.onnx"] = (
            paths["model.onnx"],
            paths["golden.json"],
        )
    elif change == "other model":
        manifest = replace(manifest, model="rage")
    else:
        data = bytearray(paths["model.onnx"].read_bytes())
        if change == "flip":
            data[-20] ^= 1
        changed = tmp_path / "changed.onnx"
        changed.write_bytes({"cut": data[:-1], "short": data[:9]}.get(change, data))
        paths["model.onnx"] = changed
    with pytest.raises(IntegrityError, match=r"decrypt|no encrypted file|unwrap"):
        decrypt(manifest, paths, places)


def test_every_verb_works_without_the_key(stored, tmp_path, pair):
    """Verify, sign, copy, export, import, bake, diff and gc need no key."""
    registry, path = stored
    manifest = registry.resolve(ONE)
    assert manifest.format == 5
    assert manifest.card == ""
    private, public = pair()
    bundle = sign(manifest, SigningKey(private))
    Trust.read(str(public)).check(manifest, [bundle])
    assert audit(registry).damage == ()
    assert audit(registry, decrypt_keys=[str(path)]).damage == ()
    target = Registry(FolderStore(tmp_path / "copy"))
    copied = copy(manifest, registry, target, by="ada")
    assert copied.content() == manifest.content()
    write(manifest, registry, tmp_path / "mood.tar")
    third = Registry(FolderStore(tmp_path / "third"))
    read(tmp_path / "mood.tar", third, by="ada")
    bake(third, ONE, tmp_path / "baked", by="ada")
    image = open_registry(str(tmp_path / "baked"))
    assert load(image, ONE, settings(tmp_path, path, static=True)).predict(["good"])
    again = third.publish(
        replace(manifest, version=0, encryption=None, card="# plain"),
        _plain(registry, manifest, path, tmp_path),
        by="ada",
    )
    assert {"encryption", "card.plain"} <= set(diff(manifest, again))
    third.promote(Reference("mood", version=2), by="ada")
    collect_garbage(third, by="ada")


def _plain(registry, manifest, path, tmp_path):
    paths = registry.fetch(manifest, Cache(tmp_path / "c"))
    found = decrypt(manifest, paths, [str(path)])
    plain = {}
    for name, file in found.files.items():
        if name != CARD:
            plain[name] = tmp_path / f"plain-{name}"
            plain[name].write_bytes(file.read_bytes())
    return plain


def test_verify_with_the_key_reports_what_does_not_decrypt(stored):
    """A publisher with the wrong data key is found before anything is served."""
    registry, path = stored
    manifest = registry.resolve(ONE)
    other, encryption = LocalKey(_key(path)).new("mood")
    assert other
    wrong = replace(manifest, encryption=encryption).to_bytes()
    registry.store.delete(layout.manifest("mood", 1))
    registry.store.write(layout.manifest("mood", 1), wrong)
    assert audit(registry).damage == ()
    damage = audit(registry, decrypt_keys=[str(path)]).damage
    assert len(damage) == 3
    assert all("does not decrypt" in line for line in damage)


def _key(path):
    return open_key(str(path)).secret


def test_it_is_decrypted_into_a_folder_on_demand(stored, tmp_path, capsys):
    """`model decrypt` writes the plain files and the card, and nothing else does."""
    registry, path = stored
    parser = argparse.ArgumentParser()
    run = decrypt_verb(parser)
    asked = ["mood@1", "--into", str(tmp_path / "out"), "--decrypt-keys", str(path),
             "--registry", registry.store.uri]  # fmt: skip
    assert run(parser.parse_args(asked)) == 0
    assert "3 files in the clear" in capsys.readouterr().out
    assert json.loads((tmp_path / "out/golden.json").read_bytes())["rows"]
    assert (tmp_path / "out" / CARD).read_text().startswith("# mood")
    assert run(parser.parse_args(asked)) == 1  # the folder is there


def test_devices_get_no_encrypted_version(stored, tmp_path):
    """A device could not read it, and is told so before it downloads anything."""
    registry, path = stored
    registry.promote(ONE, by="ada")
    downloads = Downloads(registry, settings(tmp_path, path, downloads="mood"))
    with pytest.raises(Problem, match="encrypted"):
        downloads.version("mood", "1")


@pytest.fixture
def kms(aws, moto_server):
    """KMS in moto, called over HTTP as in Lambda."""
    aws.setenv("AWS_ENDPOINT_URL", moto_server)
    return boto3.client("kms", endpoint_url=moto_server)


def test_a_key_in_kms_wraps_and_unwraps(kms, aws, tmp_path, bundle):
    """By boto3 or by signed calls, bound to the model by the encryption context."""
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/blobs", TargetKeyId=arn)
    registry = Registry(FolderStore(tmp_path / "registry"))
    manifest, files = bundle()
    made = registry.publish(manifest, files, by="ada", encrypt=KmsKey("alias/blobs"))
    assert made.encryption.key == arn
    assert load(registry, ONE, settings(tmp_path, arn)).predict(["good"])
    with pytest.raises(IntegrityError, match="unwrap"):
        KmsKey(arn).unwrap("rage", made.encryption)
    with pytest.raises(NoKeyError, match="none of those"):
        load(registry, ONE, settings(tmp_path, arn.replace("us-east-1", "eu-west-1")))
    with pytest.raises(StoreError, match="KMS, Decrypt with"):
        KmsKey(f"{arn}0").unwrap("mood", made.encryption)
    aws.setattr("hotseat_registry.wrapping_keys.available", lambda _env: False)
    assert load(registry, ONE, settings(tmp_path, arn)).predict(["good"])


@pytest.mark.usefixtures("kms")
def test_a_key_in_secrets_manager(moto_server, tmp_path, bundle):
    """A secret holds a key as a file does."""
    secrets = boto3.client("secretsmanager", endpoint_url=moto_server)
    secrets.create_secret(
        Name="blob-key", SecretString=base64.b64encode(os.urandom(32)).decode()
    )
    registry = Registry(FolderStore(tmp_path / "registry"))
    manifest, files = bundle()
    place = "secretsmanager:blob-key"
    registry.publish(manifest, files, by="ada", encrypt=open_key(place))
    assert load(registry, ONE, settings(tmp_path, place)).predict(["good"])
    with pytest.raises(StoreError, match="no-such: ResourceNotFound"):
        open_key("secretsmanager:no-such")
