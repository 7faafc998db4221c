"""Progress of a training: a bar on a terminal, a line an epoch elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import progress as rich

from hotseat_train.optim.loop import Epoch
from hotseat_train.tasks.task import Progress, Task
from hotseat_train.time_left import TimeLeft


@contextmanager
def watch(task: Task, plan: Any) -> Iterator[Progress]:
    """Yield what shows the progress of a task's training."""
    title = task.title(plan)

    def line(text: str) -> None:
        print(f"{title} {text}", flush=True)

    with epochs(title, task.most_epochs(plan)) as report:
        yield Progress(epoch=report, line=line)


@contextmanager
def epochs(
    title: str, total: int | None, word: str = "epoch"
) -> Iterator[Callable[[Epoch], None]]:
    """Yield what to call after every epoch, or round as `word` says."""
    if not sys.stdout.isatty():
        left = TimeLeft(total, time.monotonic)

        def line(epoch: Epoch) -> None:
            ahead = left.after(epoch.number).replace(", ", ", at most ")
            print(f"{title} {_describe(epoch, word)}{ahead}", flush=True)

        yield line
        return
    with rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.TextColumn("{task.completed}/{task.total}"),
        rich.TimeElapsedColumn(),
        rich.TimeRemainingColumn(),
    ) as progress:
        bar = progress.add_task(title, total=total)

        def move(epoch: Epoch) -> None:
            text = f"{title} {_describe(epoch, word)}"
            progress.update(bar, completed=epoch.number, description=text)

        yield move


def _describe(epoch: Epoch, word: str) -> str:
    return (
        f"{word} {epoch.number}: loss {epoch.train_loss:.4f}, "
        f"validation {epoch.validation_loss:.4f}, "
        f"accuracy {epoch.validation_accuracy:.3f}"
    )
