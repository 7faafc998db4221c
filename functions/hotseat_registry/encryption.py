"""What a manifest says of a version whose files are encrypted."""

import base64
import re

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import JsonDataclass

SCHEME = "AES-256-GCM-1MiB"
"""The only scheme so far: chunks as `blob_cipher` describes them."""
CARD = "card.md"
"""The file that holds an encrypted version's card, which may quote rows."""
_KEY = re.compile(r"local:[0-9a-f]{16}|arn:[!-~]{1,512}")
_WRAPPED_BYTES = 6144
"""The longest ciphertext that KMS takes (docs.aws.amazon.com, "Decrypt")."""


@dataclass(frozen=True, slots=True)
class Encryption(JsonDataclass):
    """The key of a version's files, wrapped under a key that the registry lacks."""

    scheme: str
    key: str
    """The wrapping key: ``local:`` and 16 hex digits, or the ARN of a key in KMS."""
    wrapped_key: str
    """The version's data key as `key` wrapped it, in Base64."""

    def __post_init__(self) -> None:
        """Check the fields; raises `IntegrityError`."""
        if self.scheme != SCHEME:
            raise IntegrityError(
                f"encryption scheme {str(self.scheme)[:40]!r} is not {SCHEME}: update "
                "hotseat-platform"
            )
        if not _KEY.fullmatch(self.key):
            raise IntegrityError(f"{self.key[:80]!r} names no wrapping key")
        if not 0 < len(self.wrapped) <= _WRAPPED_BYTES:
            raise IntegrityError("the wrapped key of the version has a wrong length")

    @property
    def wrapped(self) -> bytes:
        """The wrapped key; raises `IntegrityError` unless it is Base64."""
        try:
            return base64.b64decode(self.wrapped_key, validate=True)
        except (ValueError, TypeError) as error:
            raise IntegrityError(f"the wrapped key is no Base64: {error}") from None
