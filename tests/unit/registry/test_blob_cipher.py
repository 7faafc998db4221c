"""The format of encrypted files: vectors that never change, and any damage."""

import hashlib
import io
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotseat_registry import blob_cipher
from hotseat_registry.blob_cipher import FileCipher, encrypted_size
from hotseat_registry.errors import IntegrityError

KEY = bytes(range(32))
VECTORS = {
    # content -> SHA-256 of the encrypted file, under KEY as mood's model.onnx
    b"": "1872ee5255ff6c0d8532c6046d131d64144bae1615a9bfa0afdca4603a1967b2",
    b"a": "089e84bb742ad16fbcb5bc1252f25838bbab8d8641f4ac5d5639515502b039d7",
    b"hotseat" * 300_000: "9e91e5d4d50bbc3962ecfdbf5327baa1"
    "59bbd1e96bc57816038e8d22d5eadff0",
}


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """A path to encrypt into."""
    return tmp_path_factory.mktemp("cipher") / "file"


def encrypted(content, target, key=KEY, model="mood", name="model.onnx"):
    FileCipher(key, model, name).encrypt(io.BytesIO(content), target)
    return target.read_bytes()


@pytest.mark.parametrize("content", VECTORS, ids=len)
def test_the_format_never_changes(content, target):
    """Files that were encrypted by an earlier release are read by every later one."""
    data = encrypted(content, target)
    assert hashlib.sha256(data).hexdigest() == VECTORS[content]
    assert len(data) == encrypted_size(len(content))
    assert FileCipher(KEY, "mood", "model.onnx").decrypt_bytes(data) == content


@settings(max_examples=60)
@given(content=st.binary(max_size=100), chunk=st.integers(1, 40))
def test_what_was_encrypted_is_read(content, chunk, target):
    """Whatever the length is, a multiple of a chunk's or not."""
    with patch.object(blob_cipher, "CHUNK", chunk):
        data = encrypted(content, target)
        assert len(data) == encrypted_size(len(content))
        assert FileCipher(KEY, "mood", "model.onnx").decrypt_bytes(data) == content


@settings(max_examples=100)
@given(content=st.binary(min_size=1, max_size=60), changed=st.data())
def test_no_change_is_read(content, changed, target):
    """A flipped bit, a cut, an addition, chunks left out, repeated or moved."""
    with patch.object(blob_cipher, "CHUNK", 8):
        data = encrypted(content, target)
        start, step = 56, 24
        chunks = [data[at : at + step] for at in range(start, len(data), step)]
        kind = changed.draw(st.sampled_from(("flip", "cut", "add", "chunks")))
        if kind == "flip":
            at = changed.draw(st.integers(0, len(data) - 1))
            bit = 1 << changed.draw(st.integers(0, 7))
            other = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
        elif kind == "cut":
            other = data[: changed.draw(st.integers(0, len(data) - 1))]
        elif kind == "add":
            other = data + changed.draw(st.binary(min_size=1, max_size=30))
        else:
            drawn = changed.draw(st.lists(st.sampled_from(chunks), max_size=9))
            other = data[:start] + b"".join(drawn)
            if other == data:
                return
        with pytest.raises(IntegrityError, match=r"model\.onnx"):
            FileCipher(KEY, "mood", "model.onnx").decrypt_bytes(other)


@pytest.mark.parametrize(
    ("key", "model", "name"),
    [
        (KEY[::-1], "mood", "model.onnx"),
        (KEY, "rage", "model.onnx"),
        (KEY, "mood", "int8.onnx"),
    ],
)
def test_another_key_model_or_name_reads_nothing(key, model, name, target):
    """A blob under another name, of another model or version, is refused."""
    data = encrypted(b"content", target)
    with pytest.raises(IntegrityError, match="of another version, model or name"):
        FileCipher(key, model, name).decrypt_bytes(data)
