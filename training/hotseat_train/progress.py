"""How a descent is watched: a bar on a terminal, a line an epoch elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from hotseat_train.fit import Epoch


@contextmanager
def epochs(title: str, total: int | None) -> Iterator[Callable[[Epoch], None]]:
    """Yield what to call after every epoch."""
    if not sys.stdout.isatty():

        def line(epoch: Epoch) -> None:
            print(f"{title} {_describe(epoch)}", flush=True)  # noqa: T201 (to be watched)

        yield line
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    ) as progress:
        bar = progress.add_task(title, total=total)

        def move(epoch: Epoch) -> None:
            text = f"{title} {_describe(epoch)}"
            progress.update(bar, completed=epoch.number, description=text)

        yield move


@contextmanager
def downloading(url: str, size: int) -> Iterator[Callable[[int], None]]:
    """Say what is fetched, and yield what to call with the bytes of each piece."""
    if not sys.stderr.isatty():
        print(f"fetching {url} ...", file=sys.stderr, flush=True)  # noqa: T201
        yield lambda _size: None
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        console=Console(stderr=True),
    ) as progress:
        bar = progress.add_task(url.rpartition("/")[2], total=size or None)
        yield lambda moved: progress.advance(bar, moved)


def _describe(epoch: Epoch) -> str:
    return (
        f"epoch {epoch.number}: loss {epoch.train_loss:.4f}, "
        f"validation {epoch.validation_loss:.4f}, "
        f"accuracy {epoch.validation_accuracy:.3f}"
    )
