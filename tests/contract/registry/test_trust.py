"""Signatures: the format's own tool takes ours, and what is unsigned stays out."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from hotseat import _cli
from hotseat_registry import Reference, Registry, archive, layout, open_registry, trust
from hotseat_registry.cache import Cache
from hotseat_registry.errors import RegistryError, UntrustedError
from hotseat_registry.kms import KmsKey
from hotseat_registry.trust import LocalKey, Trust
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


def as_folder(registry, manifest, folder):
    """Lay a version out as a folder, as model-signing sees a model."""
    folder.mkdir()
    for name, path in registry.fetch(manifest, Cache(folder.parent / "c")).items():
        (folder / name).write_bytes(path.read_bytes())
    (folder / trust.MANIFEST).write_bytes(manifest.content())
    return folder


def model_signing(*arguments):
    """Run the format's own tool."""
    return subprocess.run(
        [sys.executable, "-m", "model_signing", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_model_signing_verifies_what_we_sign(registry, publish, keys, tmp_path):
    """The OpenSSF tool takes our signature, and not over other bytes."""
    private, public = keys
    manifest = publish()
    signature = tmp_path / "model.sig"
    signature.write_bytes(trust.sign(manifest, LocalKey(private)))
    folder = as_folder(registry, manifest, tmp_path / "mood")
    ask = ("verify", "key", folder, "--signature", signature, "--public_key", public)
    done = model_signing(*ask)
    assert done.returncode == 0, done.stderr
    (folder / "golden.json").write_text("{}")
    assert model_signing(*ask).returncode != 0


def test_we_verify_what_model_signing_signs(registry, publish, keys, tmp_path):
    """A signature by the OpenSSF tool is taken as ours is."""
    private, public = keys
    manifest = publish()
    folder = as_folder(registry, manifest, tmp_path / "mood")
    signature = tmp_path / "model.sig"
    done = model_signing(
        "sign", "key", folder, "--signature", signature, "--private_key", private
    )
    assert done.returncode == 0, done.stderr
    trusted = Trust.read(str(public))
    hint = hashlib.sha256(public.read_bytes()).hexdigest()
    assert trusted.check(manifest, [signature.read_bytes()]) == hint


def test_only_what_is_signed_is_promoted_and_served(
    registry, publish, keys, pair, tmp_path
):
    """Without a trusted signature a version is neither promoted nor loaded."""
    private, public = keys
    manifest = publish()
    strict = Registry(registry.store, registry.clock, trust=Trust.read(str(public)))
    one = Reference("mood", version=1)
    models = ModelCache(strict, Settings(cache=str(tmp_path / "c")))
    for act in (lambda: strict.promote(one, by="ada"), lambda: models.get(one)):
        with pytest.raises(UntrustedError, match="it has no signature"):
            act()
    other, _ = pair("other")
    archive.add_signature(registry, manifest, trust.sign(manifest, LocalKey(other)))
    with pytest.raises(UntrustedError, match="is not trusted"):
        strict.promote(one, by="ada")
    archive.add_signature(registry, manifest, trust.sign(manifest, LocalKey(private)))
    strict.promote(one, by="ada")
    assert models.get(one).manifest == manifest


@pytest.mark.parametrize(
    "change",
    [
        lambda m: replace(m, card="# other"),
        lambda m: replace(m, signature=replace(m.signature, labels=("yes", "no"))),
        lambda m: replace(m, files={**m.files, "x.json": m.files["golden.json"]}),
        lambda m: replace(m, golden=None, files={"model.onnx": m.files["model.onnx"]}),
    ],
)
def test_a_signature_is_for_one_content(publish, keys, change):
    """Labels, card or files that were changed afterwards are not what was signed."""
    private, public = keys
    manifest = publish()
    signature = trust.sign(manifest, LocalKey(private))
    trusted = Trust.read(str(public))
    trusted.check(replace(manifest, version=7, published_by="eve"), [signature])
    with pytest.raises(UntrustedError, match="is not what was signed"):
        trusted.check(change(manifest), [signature])


def test_a_forged_signature_is_refused(publish, keys):
    """A payload, a key name or bytes that were changed: closed, whatever the reason."""
    private, public = keys
    manifest = publish()
    good = json.loads(trust.sign(manifest, LocalKey(private)))
    trusted = Trust.read(str(public))
    payload = json.loads(json.dumps(good))
    payload["dsseEnvelope"]["payload"] = "e30="
    signature = json.loads(json.dumps(good))
    signature["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    for forged in (payload, signature, {}, {"verificationMaterial": []}, 7):
        with pytest.raises(UntrustedError):
            trusted.check(manifest, [json.dumps(forged).encode()])
    with pytest.raises(UntrustedError):
        trusted.check(manifest, [b"\xff"])
    with pytest.raises(UntrustedError):
        Trust(()).check(manifest, [json.dumps(good).encode()])


@pytest.mark.usefixtures("aws")
def test_a_key_in_kms_signs_as_well(publish):
    """A key that never leaves KMS makes the same kind of signature."""
    with mock_aws():
        key = boto3.client("kms").create_key(
            KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256"
        )["KeyMetadata"]["KeyId"]
        signer = KmsKey(key)
        manifest = publish()
        signature = trust.sign(manifest, signer)
        Trust((signer.public(),)).check(manifest, [signature])
        with pytest.raises(RegistryError, match="no-such-key"):
            KmsKey("no-such-key").public()


def test_a_file_that_is_no_key_is_named(tmp_path):
    """A key file that cannot be read says which one it is."""
    (tmp_path / "key.pem").write_text("no key")
    for read in (LocalKey, lambda path: Trust.read(str(path))):
        with pytest.raises(RegistryError, match=r"key\.pem is no (private|public) key"):
            read(tmp_path / "key.pem")


def test_signing_by_command(tmp_path, publish, keys, capsys, monkeypatch):
    """`hotseat model sign`, then `promote` and `verify` under --trust."""
    private, public = keys
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry)
    monkeypatch.setenv("HOTSEAT_REGISTRY", registry.store.uri)
    monkeypatch.setenv("HOTSEAT_TRUST", str(public))
    assert _cli.main(["model", "promote", "mood@1"]) == 1
    assert "not signed by a trusted key" in capsys.readouterr().err
    assert _cli.main(["model", "verify"]) == 1
    assert _cli.main(["model", "sign", "mood@1", "--key", str(private)]) == 0
    assert _cli.main(["model", "verify"]) == 0
    assert _cli.main(["model", "promote", "mood@1"]) == 0
    assert list(registry.store.list(layout.signatures("mood", 1)))
