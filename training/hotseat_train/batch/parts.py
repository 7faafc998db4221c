"""Finished parts of an output file, so that an interrupted run continues.

Beside ``scored.parquet`` lies the folder ``scored.parquet.parts`` with one Arrow file
for each finished part and ``state.json``, which says what they are parts of. The output
appears under its name when all of it is there, and the folder goes.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from hotseat_train import run as runs
from hotseat_train.data import table_files


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one output."""

    output: Path

    @property
    def folder(self) -> Path:
        """The folder of the parts."""
        return self.output.with_name(f"{self.output.name}.parts")

    def begin(self, state: Mapping[str, Any]) -> int:
        """Return how many parts of this `state` are finished.

        Parts of another input, model or form of output are removed.
        """
        path = self.folder / "state.json"
        try:
            same = json.loads(path.read_bytes()) == dict(state)
        except (OSError, ValueError):
            same = False
        if not same:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            runs.write(path, state)
        number = 0
        while self._part(number).exists():
            number += 1
        return number

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:06}.arrow"

    def write(self, number: int, batch: pa.RecordBatch) -> None:
        """Write a part atomically."""
        path = self._part(number)
        temporary = path.with_suffix(".part")
        with table_files.writer(temporary, ".arrow", batch.schema) as writer:
            writer.write_batch(batch)
        temporary.replace(path)

    def read(self, number: int) -> pa.RecordBatch:
        """Return a finished part."""
        with pa.memory_map(str(self._part(number))) as file:
            batch: pa.RecordBatch = ipc.open_file(file).get_batch(0)
            return batch

    def _all(self, count: int) -> Iterator[pa.RecordBatch]:
        for number in range(count):
            yield self.read(number)

    def finish(self, count: int, schema: pa.Schema) -> None:
        """Write the output from `count` parts, put it in place, remove the parts."""
        temporary = self.output.with_name(f"{self.output.name}.part")
        kind = table_files.suffix(self.output)
        with table_files.writer(temporary, kind, schema) as writer:
            for batch in self._all(count):
                writer.write_batch(batch)
        temporary.replace(self.output)
        shutil.rmtree(self.folder)
