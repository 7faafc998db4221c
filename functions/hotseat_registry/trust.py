"""Sign and verify versions in the format of OpenSSF model-signing 1.0.

A signature is a Sigstore bundle whose DSSE envelope holds an in-toto statement of the
digests of all files, one of which is ``manifest.json``: the manifest without number,
time and publisher, so that a signature goes along when a version is copied.

Formats: github.com/sigstore/model-transparency, github.com/secure-systems-lab/dsse,
in-toto.io/Statement/v1. Written here rather than taken from the package model-signing,
because the function verifies at every cold start and that package brings thirty
others; a contract test holds both to the same signatures.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from hotseat_registry.dataclass import dataclass
from hotseat_registry.envelope import (
    UNREADABLE,
    Key,
    Signed,
    encoded,
    hint,
    is_signature,
    read,
)
from hotseat_registry.errors import RegistryError, UntrustedError
from hotseat_registry.manifest import Manifest

__all__ = ["Key", "LocalKey", "Trust", "hint", "manifest_digest", "sign", "sign_files"]

MANIFEST = "manifest.json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"


class LocalKey:
    """A private key in a PEM file; raises `RegistryError` for any other file."""

    def __init__(self, path: Path, password: bytes | None = None) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password)
        except (OSError, ValueError, TypeError) as error:
            raise RegistryError(f"{path} is no private key: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.key_size != 256:
            raise RegistryError(f"{path} is no key on P-256 (prime256v1)")
        self._key = key

    def sign(self, data: bytes) -> bytes:
        """See `Key.sign`."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))

    def public(self) -> bytes:
        """See `Key.public`."""
        from cryptography.hazmat.primitives import serialization as s

        return self._key.public_key().public_bytes(
            s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo
        )


def sign(manifest: Manifest, key: Key) -> bytes:
    """Return a signature of the version, as a bundle in JSON."""
    return sign_files(manifest.model, _digests(manifest), key)


def sign_files(name: str, digests: Mapping[str, str], key: Key) -> bytes:
    """Return a signature of files, as a bundle in JSON.

    `digests` are the SHA-256 of each by its name, in hex.
    """
    payload = json.dumps(_statement(name, digests)).encode()
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {
            "publicKey": {"hint": hint(key.public())},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [
                {
                    "sig": base64.b64encode(
                        key.sign(encoded(_PAYLOAD, payload))
                    ).decode(),
                    "keyid": "",
                }
            ],
        },
    }
    return json.dumps(bundle, indent=1).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Trust:
    """Public keys (PEM).

    A version needs the valid signature of any one of them, a signed head those of
    `threshold` different ones.
    """

    keys: tuple[bytes, ...]
    threshold: int = 1

    @classmethod
    def read(cls, paths: str, threshold: int = 1) -> Self:
        """Read public keys from files, separated by commas.

        Raises `RegistryError`, also for a threshold that no signatures can reach.
        """
        from cryptography.hazmat.primitives import serialization as s

        keys = []
        for path in filter(None, map(str.strip, paths.split(","))):
            try:
                key = s.load_pem_public_key(Path(path).read_bytes())
            except (OSError, ValueError) as error:
                raise RegistryError(f"{path} is no public key: {error}") from None
            pem = key.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
            if pem not in keys:
                keys.append(pem)
        if not 1 <= threshold <= max(1, len(keys)):
            raise RegistryError(
                f"{threshold} signatures are demanded, and there are {len(keys)} keys"
            )
        return cls(tuple(keys), threshold)

    @property
    def name(self) -> str:
        """The SHA-256 of keys and threshold, in hex; another one after a rotation."""
        return hashlib.sha256(f"{self.threshold} {self.hints}".encode()).hexdigest()

    @property
    def hints(self) -> list[str]:
        """The names of the keys, under which their signatures are stored."""
        return sorted(map(hint, self.keys))

    def signers(self, kind: str, signed: Signed) -> list[str]:
        """Return the names of the trusted keys whose signatures are valid, sorted."""
        data = encoded(kind, signed.payload)
        keys = {hint(key): key for key in self.keys}
        return sorted(
            name
            for name, signature in signed.signatures.items()
            if name in keys and is_signature(keys[name], signature, data)
        )

    def open(self, data: bytes, kind: str, what: str) -> bytes:
        """Return the payload of an envelope that `threshold` trusted keys signed.

        Raises `UntrustedError` naming `what` otherwise.
        """
        try:
            signed = read(data, kind)
        except ValueError as error:
            raise UntrustedError(f"{what} is no signed document: {error}") from None
        count = len(self.signers(kind, signed))
        if count < self.threshold:
            raise UntrustedError(
                f"{what} has {count} valid signatures by trusted keys, and needs "
                f"{self.threshold}"
            )
        return signed.payload

    def check(self, manifest: Manifest, signatures: Iterable[bytes]) -> str:
        """Return the hint of a trusted key that signed exactly this version.

        Raises `UntrustedError` when there is none, whatever the reason.
        """
        reasons = []
        for signature in signatures:
            try:
                return self._verify(manifest, signature)
            except UNREADABLE as error:
                reasons.append(str(error) or type(error).__name__)
        why = f" ({'; '.join(reasons)})" if reasons else ": it has no signature"
        raise UntrustedError(
            f"{manifest.reference} is not signed by a trusted key{why}"
        )

    def _verify(self, manifest: Manifest, signature: bytes) -> str:
        bundle = json.loads(signature)
        named = bundle["verificationMaterial"]["publicKey"]["hint"]
        pem = next((key for key in self.keys if hint(key) == named), None)
        if pem is None:
            raise ValueError(f"key {str(named)[:12]}... is not trusted")
        envelope = bundle["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        if envelope["payloadType"] != _PAYLOAD:
            raise ValueError(f"payload type {envelope['payloadType']!r}")
        if not is_signature(pem, signed, encoded(_PAYLOAD, payload)):
            raise ValueError("the signature is not the key's")
        _compare(json.loads(payload), manifest)
        return str(named)


def manifest_digest(manifest: Manifest) -> str:
    """Return the SHA-256 of a manifest without number, time and publisher, in hex."""
    return hashlib.sha256(manifest.content()).hexdigest()


def _digests(manifest: Manifest) -> dict[str, str]:
    digests = {name: file.sha256 for name, file in manifest.files.items()}
    return {**digests, MANIFEST: manifest_digest(manifest)}


def _resources(digests: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "algorithm": "sha256", "digest": digest}
        for name, digest in sorted(digests.items())
    ]


def _statement(name: str, digests: Mapping[str, str]) -> dict[str, Any]:
    resources = _resources(digests)
    root = hashlib.sha256()
    for resource in resources:
        root.update(bytes.fromhex(resource["digest"]))
    return {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": root.hexdigest()}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [],
            },
            "resources": resources,
        },
    }


def _compare(statement: Mapping[str, Any], manifest: Manifest) -> None:
    """Raise `ValueError` unless the statement is about exactly this version."""
    if (statement["_type"], statement["predicateType"]) != (_STATEMENT, _PREDICATE):
        raise ValueError("it is no model signature")
    signed = {r["name"]: r["digest"] for r in statement["predicate"]["resources"]}
    wanted = _digests(manifest)
    for name in sorted({*signed, *wanted}):
        if signed.get(name) != wanted.get(name):
            raise ValueError(f"{name} is not what was signed")
