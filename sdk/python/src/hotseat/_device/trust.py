"""Verification of signatures: OpenSSF model-signing 1.0, as in the registry.

A signature is a Sigstore bundle whose DSSE envelope holds an in-toto statement of the
digests of all files, and of the manifest as ``manifest.json``.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hotseat._device import signed_head
from hotseat._device.bundle import Bundle
from hotseat._device.signed_head import Seen
from hotseat.errors import ConfigError, UntrustedError

_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError
)  # fmt: skip


class Trust:
    """The public keys (PEM) that may sign a version; one signature is enough.

    A signed head needs those of `threshold` keys; with `heads` it may not be missing.
    Raises `ConfigError` for a file without a key.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        threshold: int = 1,
        *,
        heads: bool = False,
    ) -> None:
        self._keys: dict[str, Any] = {}
        self.heads = heads
        self.threshold = threshold
        if not paths:
            return
        try:
            from cryptography.hazmat.primitives import serialization as s
            from cryptography.hazmat.primitives.asymmetric import ec
        except ModuleNotFoundError:
            raise ConfigError(
                "trust needs the package cryptography: pip install hotseat[trust]"
            ) from None
        for path in paths:
            try:
                key = s.load_pem_public_key(Path(path).read_bytes())
            except (OSError, ValueError) as error:
                raise ConfigError(f"{path} is not a public key: {error}") from None
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise ConfigError(f"{path} is not a key on an elliptic curve")
            pem = key.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
            self._keys[hashlib.sha256(pem).hexdigest()] = key
        if not 1 <= threshold <= len(self._keys):
            raise ConfigError(
                f"{threshold} signatures are demanded of {len(self._keys)} keys"
            )

    @property
    def name(self) -> str:
        """The SHA-256 of keys and threshold: another one after a rotation."""
        text = f"{self.threshold} {sorted(self._keys)}"
        return hashlib.sha256(text.encode()).hexdigest()

    def check_head(
        self, bundle: Bundle, reference: str, seen: Seen | None, *, required: bool
    ) -> Seen | None:
        """Return what to remember of the model's signed head; None without one.

        Raises `UntrustedError` if the head does not name this version, if it is older
        than what was seen, or if it is missing and was seen before or is `required`.
        """
        if not self._keys:
            return None
        envelope = bundle.document.get("head")
        if envelope is None:
            if seen is not None or required:
                raise UntrustedError(
                    f"{bundle.name} comes without the signed head of {bundle.model}"
                )
            return None
        try:
            head = signed_head.read(envelope, self._is_signature, self.threshold)
            signed_head.check(
                head, bundle.model, reference, bundle.version, bundle.content(),
                seen=seen, now=datetime.now(timezone.utc),
            )  # fmt: skip
        except _UNREADABLE as error:
            why = str(error) or type(error).__name__
            raise UntrustedError(
                f"the signed head of {bundle.model} is not valid: {why}"
            ) from None
        return head.seen

    def _is_signature(self, name: str, signature: bytes, data: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        if name not in self._keys:
            return False
        try:
            self._keys[name].verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def check(self, bundle: Bundle) -> str | None:
        """Return the name of a trusted key that signed exactly this version.

        None without trusted keys; raises `UntrustedError` if none of them signed it.
        """
        if not self._keys:
            return None
        reasons = []
        signatures = bundle.document.get("signatures")
        for signature in signatures if isinstance(signatures, list) else ():
            try:
                return self._verified(bundle, signature)
            except _UNREADABLE as error:
                reasons.append(str(error) or type(error).__name__)
        why = "; ".join(reasons) or "it has no signature"
        raise UntrustedError(f"{bundle.name} is not signed by a trusted key ({why})")

    def _verified(self, bundle: Bundle, signature: str) -> str:
        parsed = json.loads(signature)
        named = str(parsed["verificationMaterial"]["publicKey"]["hint"])
        if named not in self._keys:
            raise ValueError(f"key {named[:12]}... is not trusted")
        envelope = parsed["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        if envelope["payloadType"] != _PAYLOAD:
            raise ValueError("not an in-toto statement")
        encoded = b"DSSEv1 %d %s %d %s" % (  # DSSE's pre-authentication encoding
            len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload
        )  # fmt: skip
        if not self._is_signature(named, signed, encoded):
            raise ValueError("the signature is not the key's")
        _compare(json.loads(payload), bundle)
        return named


def _compare(statement: Any, bundle: Bundle) -> None:
    """Raise `ValueError` unless the statement is about exactly this version."""
    if (statement["_type"], statement["predicateType"]) != (_STATEMENT, _PREDICATE):
        raise ValueError("not a model signature")
    signed = {r["name"]: r["digest"] for r in statement["predicate"]["resources"]}
    files = bundle.document["manifest"]["files"]
    wanted = {name: file["sha256"] for name, file in files.items()}
    wanted["manifest.json"] = hashlib.sha256(bundle.content()).hexdigest()
    for name in sorted({*signed, *wanted}):
        if signed.get(name) != wanted.get(name):
            raise ValueError(f"{name} differs from the signed file")
