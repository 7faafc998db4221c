"""An answer that a runtime sends in pieces, as they are made."""

from collections.abc import Iterable

from hotseat_registry.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ResponseStream:
    """Status and headers as JSON (`prelude`), then the body's pieces."""

    prelude: bytes
    chunks: Iterable[bytes]
