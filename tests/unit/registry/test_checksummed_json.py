"""How JSON that a store sent is read."""

import pytest

from hotseat_registry.checksummed_json import (
    MAX_DEPTH,
    parse_json,
    read_checksummed,
    write_checksummed,
)
from hotseat_registry.errors import IntegrityError


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"7", b"null", b"{}", b'{"a": 1}', b"\xff", b'{"card": "\\ud800"}',
        b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"seal": {}}',
        write_checksummed({"a": 1}).replace(b"1", b"2"),
    ],
)  # fmt: skip
def test_what_was_not_written_here_is_refused_by_name(data):
    """Damaged, empty, of another shape, too deep: an error that names the object."""
    with pytest.raises(IntegrityError, match=r"^models/mood/head\.json"):
        read_checksummed(data, "models/mood/head.json")


def test_what_is_nested_too_deep_is_refused():
    """Whoever walks it later would run out of stack; what is written here is flat."""
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "it")
    with pytest.raises(IntegrityError, match=f"more than {MAX_DEPTH} deep"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "it")
    assert read_checksummed(write_checksummed({"a": [{"b": 1}]}), "it") == {
        "a": [{"b": 1}]
    }
