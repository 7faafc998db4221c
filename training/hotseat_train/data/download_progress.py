"""Progress of a download: a bar on a terminal, one line elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn


@contextmanager
def downloading(url: str, size: int) -> Iterator[Callable[[int], None]]:
    """Print the file's name, and yield the function to call with each chunk's bytes."""
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
