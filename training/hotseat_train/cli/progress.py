"""Progress of a training: a bar on a terminal, a line an epoch elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from hotseat_train.optim.loop import Epoch


@contextmanager
def epochs(title: str, total: int | None) -> Iterator[Callable[[Epoch], None]]:
    """Yield what to call after every epoch."""
    if not sys.stdout.isatty():

        def line(epoch: Epoch) -> None:
            print(f"{title} {_describe(epoch)}", flush=True)

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


def _describe(epoch: Epoch) -> str:
    return (
        f"epoch {epoch.number}: loss {epoch.train_loss:.4f}, "
        f"validation {epoch.validation_loss:.4f}, "
        f"accuracy {epoch.validation_accuracy:.3f}"
    )
