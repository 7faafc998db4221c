"""Blocks: ``with`` and ``async with`` close what they are given at their end."""

from types import TracebackType
from typing import TypeVar

T = TypeVar("T", bound="Closing")
A = TypeVar("A", bound="AsyncClosing")


class Closing:
    """What a ``with`` block closes."""

    def close(self) -> None:
        """End it."""
        raise NotImplementedError

    def __enter__(self: T) -> T:  # noqa: PYI019 (Self is 3.11)
        """Return it; the end of the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()


class AsyncClosing:
    """What an ``async with`` block closes."""

    async def aclose(self) -> None:
        """End it."""
        raise NotImplementedError

    async def __aenter__(self: A) -> A:  # noqa: PYI019 (Self is 3.11)
        """Return it; the end of the block closes it."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close."""
        await self.aclose()
