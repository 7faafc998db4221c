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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from hotseat_registry.errors import RegistryError, UntrustedError
from hotseat_registry.manifest import Manifest

MANIFEST = "manifest.json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError
)  # fmt: skip
"""What comes of bytes that are no signature."""


class Key(Protocol):
    """A private key on NIST P-256, in a file or in a service."""

    def sign(self, data: bytes) -> bytes:
        """Return the ECDSA signature of SHA-256 over `data`, DER."""

    def public(self) -> bytes:
        """Return the public key, PEM."""


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


def hint(public: bytes) -> str:
    """Return the name of a public key: the SHA-256 of its PEM."""
    return hashlib.sha256(public).hexdigest()


def sign(manifest: Manifest, key: Key) -> bytes:
    """Return a signature of the version, as a bundle in JSON."""
    payload = json.dumps(_statement(manifest)).encode()
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
                    "sig": base64.b64encode(key.sign(_encoded(payload))).decode(),
                    "keyid": "",
                }
            ],
        },
    }
    return json.dumps(bundle, indent=1).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Trust:
    """Public keys (PEM); a valid signature of any one of them is enough."""

    keys: tuple[bytes, ...]

    @classmethod
    def read(cls, paths: str) -> Self:
        """Read public keys from files, separated by commas; raises `RegistryError`."""
        from cryptography.hazmat.primitives import serialization as s

        keys = []
        for path in filter(None, map(str.strip, paths.split(","))):
            try:
                key = s.load_pem_public_key(Path(path).read_bytes())
            except (OSError, ValueError) as error:
                raise RegistryError(f"{path} is no public key: {error}") from None
            pem = key.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
            keys.append(pem)
        return cls(tuple(keys))

    def check(self, manifest: Manifest, signatures: Iterable[bytes]) -> str:
        """Return the hint of a trusted key that signed exactly this version.

        Raises `UntrustedError` when there is none, whatever the reason.
        """
        reasons = []
        for signature in signatures:
            try:
                return self._verify(manifest, signature)
            except _UNREADABLE as error:
                reasons.append(str(error) or type(error).__name__)
        why = f" ({'; '.join(reasons)})" if reasons else ": it has no signature"
        raise UntrustedError(
            f"{manifest.reference} is not signed by a trusted key{why}"
        )

    def _verify(self, manifest: Manifest, signature: bytes) -> str:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

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
        key = serialization.load_pem_public_key(pem)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise ValueError("the trusted key is not on an elliptic curve")  # noqa: TRY004
        try:
            key.verify(signed, _encoded(payload), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise ValueError("the signature is not the key's") from None
        _compare(json.loads(payload), manifest)
        return str(named)


def _encoded(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (
        len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload
    )  # fmt: skip


def _resources(manifest: Manifest) -> list[dict[str, str]]:
    digests = {name: file.sha256 for name, file in manifest.files.items()}
    digests[MANIFEST] = hashlib.sha256(manifest.content()).hexdigest()
    return [
        {"name": name, "algorithm": "sha256", "digest": digest}
        for name, digest in sorted(digests.items())
    ]


def _statement(manifest: Manifest) -> dict[str, Any]:
    resources = _resources(manifest)
    root = hashlib.sha256()
    for resource in resources:
        root.update(bytes.fromhex(resource["digest"]))
    return {
        "_type": _STATEMENT,
        "subject": [{"name": manifest.model, "digest": {"sha256": root.hexdigest()}}],
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
    wanted = {r["name"]: r["digest"] for r in _resources(manifest)}
    for name in sorted({*signed, *wanted}):
        if signed.get(name) != wanted.get(name):
            raise ValueError(f"{name} is not what was signed")
