"""The keys that wrap a version's data key: in a file, in Secrets Manager, or in KMS.

Each version has a data key of its own, of 32 random bytes. The registry holds it only
wrapped. A key in KMS never leaves KMS; its encryption context names the model, so that
IAM can grant one model's versions alone.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hotseat_registry.dataclass import dataclass
from hotseat_registry.encryption import SCHEME, Encryption
from hotseat_registry.errors import IntegrityError, NoKeyError, StoreError
from hotseat_registry.stores.aws_json import AwsError, call, secret_value
from hotseat_registry.stores.signed import available

KEY_BYTES = 32
CONTEXT = "hotseat:model"
"""The name in KMS's encryption context whose value is the model."""
_NONCE = 12
_IN_SECRETS_MANAGER = "secretsmanager:"
_HOW = "openssl rand -base64 32 > blobs.key"


class WrappingKey(Protocol):
    """Wraps data keys."""

    @property
    def name(self) -> str:
        """What `Encryption.key` says of it."""

    def new(self, model: str) -> tuple[bytes, Encryption]:
        """Return a new data key, and what the manifest says of it."""

    def unwrap(self, model: str, encryption: Encryption) -> bytes:
        """Return the data key of a version."""


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A key of 32 bytes; `name` is derived from it and does not disclose it."""

    secret: bytes

    @property
    def name(self) -> str:
        """``local:`` and 16 hex digits."""
        digest = hmac.new(self.secret, b"hotseat wrapping key", hashlib.sha256)
        return f"local:{digest.hexdigest()[:16]}"

    def new(self, model: str) -> tuple[bytes, Encryption]:
        """See `WrappingKey.new`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data_key, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE)
        sealed = AESGCM(self.secret).encrypt(nonce, data_key, self._bound(model))
        wrapped = base64.b64encode(nonce + sealed).decode()
        return data_key, Encryption(SCHEME, self.name, wrapped)

    def unwrap(self, model: str, encryption: Encryption) -> bytes:
        """See `WrappingKey.unwrap`; raises `IntegrityError`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        wrapped = encryption.wrapped
        try:
            return AESGCM(self.secret).decrypt(
                wrapped[:_NONCE], wrapped[_NONCE:], self._bound(model)
            )
        except (InvalidTag, ValueError):
            raise IntegrityError(
                f"the data key of {model} does not unwrap with {self.name}: it was "
                "changed, or is another model's"
            ) from None

    def _bound(self, model: str) -> bytes:
        return f"{SCHEME}\0{self.name}\0{model}".encode()


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A symmetric key in AWS KMS, by its ARN or, to encrypt, by id or alias."""

    name: str

    def new(self, model: str) -> tuple[bytes, Encryption]:
        """See `WrappingKey.new`; raises `StoreError`."""
        answer = self._call(
            "GenerateDataKey", model, {"KeyId": self.name, "KeySpec": "AES_256"}
        )
        encryption = Encryption(SCHEME, answer["KeyId"], answer["CiphertextBlob"])
        return base64.b64decode(answer["Plaintext"]), encryption

    def unwrap(self, model: str, encryption: Encryption) -> bytes:
        """See `WrappingKey.unwrap`; raises `StoreError`, `IntegrityError`."""
        body = {"KeyId": self.name, "CiphertextBlob": encryption.wrapped_key}
        return base64.b64decode(self._call("Decrypt", model, body)["Plaintext"])

    def _call(self, action: str, model: str, body: Mapping[str, Any]) -> Any:
        """Call KMS; the environment's credentials, else those that boto3 finds."""
        what = f"KMS, {action} with {self.name} for {model}"
        body = {**body, "EncryptionContext": {CONTEXT: model}}
        if not available(os.environ):
            return _with_boto3(action, body, what)
        place = self.name.split(":")[3] if self.name.startswith("arn:") else ""
        try:
            return call(
                "kms", f"TrentService.{action}", body, os.environ, what=what,
                place=place,
            )  # fmt: skip
        except AwsError as error:
            raise _refused(what, action, error.kind) from None


def _with_boto3(action: str, body: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Call KMS with the credentials of a profile, which a person has."""
    from hotseat_registry.stores import s3

    blob = body.get("CiphertextBlob")
    given = {**body, "CiphertextBlob": base64.b64decode(blob)} if blob else {**body}
    name = {"Decrypt": "decrypt", "GenerateDataKey": "generate_data_key"}[action]
    with s3.translated_errors(what):
        answer = getattr(s3.client("kms"), name)(**given)
    return {
        key: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for key, value in answer.items()
    }


def _refused(what: str, action: str, kind: str) -> Exception:
    if kind == "InvalidCiphertextException":
        return IntegrityError(
            f"{what}: the data key does not unwrap: it was changed, or is another "
            "model's"
        )
    remedy = ""
    if kind.startswith(("AccessDenied", "403")):
        remedy = (
            f": let the role kms:{action} with this key and the encryption context "
            f"{CONTEXT} (in a deployment file: encryption_keys)"
        )
    return StoreError(f"{what}: {kind}{remedy}")


def open_key(where: str) -> WrappingKey:
    """Return the key at `where`.

    That is a file, ``secretsmanager:NAME``, or a key in KMS: its ARN, or to encrypt
    ``alias/NAME``. Keys in files and secrets are 32 bytes in Base64. Raises
    `NoKeyError` for what is no key.
    """
    if where.startswith("alias/") or where.split(":")[:3:2] == ["arn", "kms"]:
        return KmsKey(where)
    try:
        text = (
            secret_value(where.removeprefix(_IN_SECRETS_MANAGER), os.environ)
            if where.startswith((_IN_SECRETS_MANAGER, "arn:"))
            else Path(where).read_bytes()
        )
        secret = base64.b64decode(text.strip(), validate=True)
    except (OSError, ValueError) as error:
        raise NoKeyError(f"{where} is no key: {error}; {_HOW}") from None
    if len(secret) != KEY_BYTES:
        raise NoKeyError(
            f"{where} is no key: it has {len(secret)} bytes in Base64 instead of "
            f"{KEY_BYTES}; {_HOW}"
        )
    return LocalKey(secret)


def split(text: str) -> tuple[str, ...]:
    """Return the places of keys in a setting: separated by commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))


def unwrap(
    model: str, reference: str, encryption: Encryption, places: Sequence[str]
) -> bytes:
    """Return a version's data key with the one of the keys at `places` that wrapped it.

    Raises `NoKeyError` if none did, and what opening and unwrapping raise.
    """
    if not places:
        raise NoKeyError(
            f"{reference} is encrypted with the key {encryption.key}, and no key is "
            "given: name it (HOTSEAT_DECRYPT_KEYS, or --decrypt-keys)"
        )
    if encryption.key in places:  # a key in KMS is called by its own ARN alone
        return _checked(open_key(encryption.key).unwrap(model, encryption), reference)
    others = []
    for place in places:
        key = open_key(place)
        if key.name == encryption.key:
            return _checked(key.unwrap(model, encryption), reference)
        others.append(key.name)
    raise NoKeyError(
        f"{reference} is encrypted with the key {encryption.key}, which is none of "
        f"those given ({', '.join(others)}): name that one (HOTSEAT_DECRYPT_KEYS, or "
        "--decrypt-keys), or publish the model again under a key that you have"
    )


def _checked(data_key: bytes, reference: str) -> bytes:
    if len(data_key) != KEY_BYTES:
        raise IntegrityError(f"the data key of {reference} has {len(data_key)} bytes")
    return data_key
