"""How JSON that a store sent is read."""

import pytest

from hotseat_registry.errors import IntegrityError
from hotseat_registry.seal import DEEPEST, opened, parsed, sealed


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"7", b"null", b"{}", b'{"a": 1}', b"\xff", b'{"card": "\\ud800"}',
        b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b'{"seal": {}}',
        sealed({"a": 1}).replace(b"1", b"2"),
    ],
)  # fmt: skip
def test_what_was_not_written_here_is_refused_by_name(data):
    """Damaged, empty, of another shape, too deep: an error that names the object."""
    with pytest.raises(IntegrityError, match=r"^models/mood/head\.json"):
        opened(data, "models/mood/head.json")


def test_what_is_nested_too_deep_is_refused():
    """Whoever walks it later would run out of stack; what is written here is flat."""
    assert parsed(b"[" * DEEPEST + b"]" * DEEPEST, "it")
    with pytest.raises(IntegrityError, match=f"more than {DEEPEST} deep"):
        parsed(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "it")
    assert opened(sealed({"a": [{"b": 1}]}), "it") == {"a": [{"b": 1}]}
