"""A signing key that never leaves AWS KMS (ECC_NIST_P256, sign and verify)."""

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hotseat_registry.errors import StoreError
from hotseat_registry.stores import s3

_LARGEST = 4096


class KmsKey:
    """See `hotseat_registry.trust.Key`; `key_id` is an id, ARN or alias."""

    def __init__(self, key_id: str) -> None:
        self._id = key_id
        self._kms = s3.client("kms")

    def sign(self, data: bytes) -> bytes:
        """Return the signature; raises `StoreError` when KMS refuses."""
        # KMS takes 4,096 bytes itself, and of more than that the digest
        raw = len(data) <= _LARGEST
        with s3.translated_errors(self._id):
            answer = self._kms.sign(
                KeyId=self._id,
                Message=data if raw else hashlib.sha256(data).digest(),
                MessageType="RAW" if raw else "DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return bytes(answer["Signature"])

    def public(self) -> bytes:
        """Return the public key, PEM; raises `StoreError`."""
        with s3.translated_errors(self._id):
            answer = self._kms.get_public_key(KeyId=self._id)
        key = serialization.load_der_public_key(answer["PublicKey"])
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size != 256:
            raise StoreError(f"{self._id} is no key on P-256 (ECC_NIST_P256)")
        return key.public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
