"""`hotseat predict` for a table; the entry point ``table`` of ``hotseat.predict``.

The SDK's verb calls it with its arguments and, for a service, with what asks it: the
SDK needs neither Arrow nor a runtime for one input.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_registry.cli.common import DONE, REFUSED, answering, registry
from hotseat_train.errors import DatasetError, TrainError

if TYPE_CHECKING:
    from hotseat_train.batch.predictors import Predictor
    from hotseat_train.batch.score import Summary


def predict_table(arguments: argparse.Namespace, service: Any = None) -> int:
    """Score the table that the arguments name; without a `service` offline.

    Return the exit code: 1 if more rows than ``--max-errors`` have no answer.
    """
    return _predict(argparse.Namespace(**vars(arguments), service=service))


@answering(TrainError)
def _predict(arguments: argparse.Namespace) -> int:
    from hotseat_train.batch import score

    predictor, kind = _predictor(arguments)
    source = Path(arguments.input)
    job = score.Job(source, kind, arguments.text_column, arguments.prefix)
    if arguments.output is None:
        summary = _to_stdout(job, predictor)
    else:
        output = Path(arguments.output)
        with _progress(source) as report:
            summary = score.to_file(job, predictor, output, note=_note, report=report)
    _show(summary, predictor.version, arguments.output)
    return REFUSED if summary.errors > arguments.max_errors else DONE


def _note(text: str) -> None:
    print(f"  note: {text}", file=sys.stderr)


def _predictor(arguments: argparse.Namespace) -> tuple["Predictor", str]:
    """Return what answers the rows, and the model's kind."""
    from hotseat_registry import Reference, Signature
    from hotseat_serve.settings import Settings
    from hotseat_train.batch import predictors

    if arguments.service is not None:
        service = arguments.service
        signature = Signature.from_json(service.card["signature"])
        name = f"{service.card['name']}@{service.version}"
        remote = predictors.RemotePredictor(signature, name, service)
        return remote, service.card["kind"]
    if arguments.run:
        from hotseat_train import run

        local = predictors.of_run(run.find(arguments.run))
        return local, local.model.manifest.kind
    if not arguments.model:
        raise DatasetError("--offline needs a model of the registry: --model NAME")
    version = arguments.version or "live"
    joint = "@" if str(version).isdecimal() else "#"
    reference = Reference.parse(f"{arguments.model}{joint}{version}")
    local = predictors.of_registry(registry(arguments), reference, Settings())
    return local, local.model.manifest.kind


def _to_stdout(job: Any, predictor: "Predictor") -> "Summary":
    """Print the scored rows as CSV."""
    from hotseat_train.batch import score
    from hotseat_train.data import table_files

    summary = score.Summary()
    writer = None
    for batch in score.stream(job, predictor, note=_note, summary=summary):
        if writer is None:
            writer = table_files.csv_writer(sys.stdout.buffer, batch.schema)
        writer.write_batch(batch)
    return summary


def _show(summary: "Summary", version: str, output: str | None) -> None:
    for code, count in summary.warnings.most_common(10):
        _note(f"{count:,} warnings {code}")
    for row, error in summary.examples:
        print(f"  row {row}: {error}", file=sys.stderr)
    if summary.errors > len(summary.examples):
        rest = summary.errors - len(summary.examples)
        print(
            f"  and {rest:,} more rows without an answer: see the column error",
            file=sys.stderr,
        )
    if output is None:
        return
    again = (
        f", {summary.resumed:,} of them by an earlier run" if summary.resumed else ""
    )
    print(
        f"{summary.rows - summary.errors:,} of {summary.rows:,} rows answered by "
        f"{version}{again}"
    )
    print(f"  wrote {output}")


@contextmanager
def _progress(source: Path) -> Iterator[Callable[[int], None]]:
    """Yield what shows the rows that are done, with the time left where it is known."""
    from hotseat_train.data import table_size
    from hotseat_train.time_left import TimeLeft

    size = table_size.estimate(source)
    total = size[0] if size else None
    left = TimeLeft(total, time.monotonic)
    is_terminal, last = sys.stderr.isatty(), 0.0

    def report(rows: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < (0.5 if is_terminal else 10):
            return
        last = now
        of = f" of about {total:,}" if total else ""
        text = f"  scored {rows:,}{of} rows{left.after(rows)}"
        print(f"\r{text:<78}" if is_terminal else text, end="" if is_terminal else "\n",
              file=sys.stderr, flush=True)  # fmt: skip

    last = time.monotonic()
    yield report
    if is_terminal:
        print(f"\r{'':<78}\r", end="", file=sys.stderr)
