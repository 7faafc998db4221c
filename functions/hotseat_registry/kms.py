"""A signing key that never leaves AWS KMS (ECC_NIST_P256, sign and verify)."""

import base64
import hashlib
from textwrap import wrap

from hotseat_registry.errors import StoreError
from hotseat_registry.stores import s3


class KmsKey:
    """See `hotseat_registry.trust.Key`; `key_id` is an id, ARN or alias."""

    def __init__(self, key_id: str) -> None:
        self._id = key_id
        self._kms = s3.client("kms")

    def sign(self, data: bytes) -> bytes:
        """Return the signature; raises `StoreError` when KMS refuses."""
        with s3.narrowed(self._id):
            answer = self._kms.sign(
                KeyId=self._id,
                Message=hashlib.sha256(data).digest(),
                MessageType="DIGEST",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return bytes(answer["Signature"])

    def public(self) -> bytes:
        """Return the public key, PEM; raises `StoreError`."""
        with s3.narrowed(self._id):
            answer = self._kms.get_public_key(KeyId=self._id)
        if answer["KeySpec"] != "ECC_NIST_P256":
            raise StoreError(f"{self._id} is {answer['KeySpec']}, not ECC_NIST_P256")
        body = "\n".join(wrap(base64.b64encode(answer["PublicKey"]).decode(), 64))
        text = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"
        return text.encode()
