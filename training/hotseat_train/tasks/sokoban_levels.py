"""Generates Sokoban levels by wish; each is solved before it is returned.

The model learns from Boxoban (DeepMind, Apache-2.0). Its levels have four boxes; a
level with fewer boxes is derived by removing boxes together with their goals in a
solution, so that it stays solvable.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import Field, Generation, Input, Output, Signature
from hotseat_serve.rules import sokoban
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.download import Source
from hotseat_train.models.levels import autoregressive, sample_metrics
from hotseat_train.tasks.self_trained import SelfTrainedTask

ALPHABET = "# .$@"
SIZE = 10
_LEVELS = 6_000
_HELD = 500
"""Items for the validation loss, held out of the training."""
_STEPS = 700
"""Steps that two idle cores train in a minute."""
_ADDRESS = "https://raw.githubusercontent.com/google-deepmind/boxoban-levels/78011d8"
_FILES = (
    (
        "medium-train-000.txt",
        "medium/train/000.txt",
        "b44e6dac95d03c0f29158252eafe7b1d97a3f3b447743a23617efa66e735167b",
    ),
    (
        "medium-train-001.txt",
        "medium/train/001.txt",
        "8197b2e4438c05be3b9b91e7ec984c8b7acf09011272a196c2636402bc1b6d15",
    ),
    (
        "medium-train-002.txt",
        "medium/train/002.txt",
        "42b5c21ea71ea2cb6c62ed0e828c5462aa0785561122d24058ab2f06fa35cd01",
    ),
    (
        "medium-train-003.txt",
        "medium/train/003.txt",
        "61d67e4f18cbc2c27948e75c42d14fa18789712559af37c915d8650e9c5eae1a",
    ),
    (
        "medium-train-004.txt",
        "medium/train/004.txt",
        "e56ce95ca8fb233ba9d7418d6474a61aab6122866023d9f1e4e97e4e1b7fa9ed",
    ),
    (
        "hard-000.txt",
        "hard/000.txt",
        "c320e8b1f5a26be7a85dff18147a7decae3c5e765c38ff56e30ebf8551d331f4",
    ),
)
_SOURCES = tuple(
    Source(f"boxoban/{name}", f"{_ADDRESS}/{path}", digest)
    for name, path, digest in _FILES
)
WISHES = (
    Field("boxes", minimum=1, maximum=4, default=4),
    Field("difficulty", minimum=0, maximum=12, default=6),
)


_ASKED, _MEASURED = 160, 120


class SokobanLevels(SelfTrainedTask):
    """Generates a solvable level from wishes."""

    name = "sokoban-levels"
    kind = "generation"
    minutes = 8.0
    intended_use = "Give a puzzle game as many levels as it wants, of a wished sort."
    limits = (
        "Levels are ten by ten, with one to four boxes. Difficulty is how often a "
        "solver changes boxes, which is not what every player finds hard; a level with "
        "one box cannot be hard in this sense, whatever is wished."
    )
    data: Mapping[str, Any] = {
        "source": "google-deepmind/boxoban-levels @ 78011d8",
        "licence": "Apache-2.0",
    }

    def learn(
        self, folder: Path, minutes: float, report: Callable[[str], None]
    ) -> Sequence[tuple[float, float]]:
        """Solve the levels, derive those with fewer boxes, and train on all."""
        report("solving the levels, for their difficulty ...")
        levels = list(texts())[:_LEVELS]
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            solved = list(pool.map(_solved, levels, chunksize=50))
        items, wishes = [], []
        for items in solved:
            for grid, boxes, hard in items:
                items.append(grid)
                wishes.append([boxes, hard])
        report(f"{len(items)} levels to learn from")
        grids, wished = np.array(items, np.int64), np.array(wishes, np.float32)
        net = autoregressive.GridMLP((SIZE, SIZE), len(ALPHABET), len(WISHES))
        plan = autoregressive.plan(steps=max(1, round(minutes * _STEPS)))

        def drawn(count: int, random: np.random.Generator) -> autoregressive.Batch:
            rows = random.integers(len(grids) - _HELD, size=count)
            whole = _turned(grids[rows], random)
            seen, target = autoregressive.cut(
                whole, random.integers(SIZE**2, size=count)
            )
            return seen, wished[rows], target

        random = np.random.default_rng(0)
        seen, target = autoregressive.cut(
            np.repeat(grids[-_HELD:], 4, 0), random.integers(SIZE**2, size=4 * _HELD)
        )
        held = seen, np.repeat(wished[-_HELD:], 4, 0), target
        checkpoint = folder / "checkpoint.pt"
        curve = autoregressive.learn(net, drawn, held, plan, report, checkpoint)
        net.export(folder / "model.onnx")
        return curve

    def signature(self) -> Signature:
        """Boxes and difficulty in, rows of a level out."""
        return Signature(
            inputs=(
                Input("grid", "INT64", (-1, SIZE, SIZE), "tensor"),
                Input("wish", "FP32", (-1, len(WISHES)), "features", fields=WISHES),
            ),
            outputs=(Output("logits", "FP32", (-1, len(ALPHABET))),),
            max_rows=4,
            rules="sokoban",
            generation=Generation(
                height=SIZE,
                width=SIZE,
                alphabet=tuple(ALPHABET),
                batch=32,
                batches=24,
                choices=12,
                near=1.0,
            ),
        )

    def inputs(self) -> Sequence[Any]:
        """Return wishes, each number of boxes with each difficulty, four times."""
        return [
            {"boxes": 1 + at % 4, "difficulty": (at // 4) % 10} for at in range(_ASKED)
        ]

    def measure(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return solvable share, novelty, diversity, wishes kept, milliseconds."""
        known = {"".join(rows) for rows in texts()}
        walls = {_walls(text) for text in known}
        requests = self.inputs()[:_MEASURED]
        items, spent = sample_metrics.generate(loaded, requests)
        if not items:
            return {"returned": 0.0}
        texts_ = ["".join(answer["item"]) for _, answer in items]
        return {
            "returned": len(items) / len(requests),
            "solvable_of_returned": float(np.mean([_solvable(t) for t in texts_])),
            "new": float(np.mean([known.isdisjoint(_views(t)) for t in texts_])),
            "walls_new": round(
                float(np.mean([walls.isdisjoint(_views(_walls(t))) for t in texts_])), 3
            ),
            "different_from_each_other": round(len(set(texts_)) / len(texts_), 4),
            "cells_that_differ": sample_metrics.diversity(texts_),
            "difficulty_follows_wish": sample_metrics.correlation(items, "difficulty"),
            **{
                f"difficulty_follows_wish_{boxes}_boxes": sample_metrics.correlation(
                    [item for item in items if item[0]["boxes"] == boxes], "difficulty"
                )
                for boxes in (2, 3, 4)
            },
            "milliseconds_of_a_core_median": round(float(np.median(spent)), 1),
            "milliseconds_of_a_core_p95": round(float(np.percentile(spent, 95)), 1),
        }  # fmt: skip


TASK = SokobanLevels()


def texts() -> Iterator[tuple[str, ...]]:
    """Yield every level as its rows."""
    for source in _SOURCES:
        for block in source.path().read_text().split(";")[1:]:
            yield tuple(row for row in block.split("\n")[1:] if row)


def _walls(text: str) -> str:
    """Return a level's walls alone."""
    return "".join("#" if tile == "#" else " " for tile in text)


def _views(text: str) -> set[str]:
    """Return the eight rotations and reflections of a level."""
    cells = np.array(list(text)).reshape(SIZE, SIZE)
    turned = [np.rot90(cells, times) for times in range(4)]
    return {"".join(view.reshape(-1)) for one in turned for view in (one, one.T)}


def _solvable(text: str) -> bool:
    rows = [text[at : at + SIZE] for at in range(0, len(text), SIZE)]
    return sokoban.solve(sokoban.read(rows), positions=200_000) is not None


def _solved(rows: tuple[str, ...]) -> list[tuple[Any, int, float]]:
    """Return a level with four boxes and one with fewer: cells, boxes, difficulty."""
    level = sokoban.read(rows)
    found = sokoban.solve(level)
    if found is None:
        return []
    ends = {box: box for box in level.boxes}  # where each box comes to stand
    moved = {box: box for box in level.boxes}
    for box, step in found.pushes:
        first = next(start for start, at in moved.items() if at == box)
        moved[first] = ends[first] = box + step
    text = "".join(rows)
    items = []
    random = np.random.default_rng(zlib.crc32(text.encode()))
    for gone in (0, int(random.integers(1, len(level.boxes)))):
        leave = set(random.permutation(sorted(level.boxes))[:gone].tolist())
        empty = leave | {ends[box] for box in leave}
        emptied = "".join(" " if at in empty else tile for at, tile in enumerate(text))
        pushes = []
        at_now = dict(zip(level.boxes, level.boxes, strict=True))
        for box, step in found.pushes:
            first = next(start for start, at in at_now.items() if at == box)
            at_now[first] = box + step
            if first not in leave:
                pushes.append((box, step))
        hard = sokoban.difficulty(sokoban.Solution(tuple(pushes), 0))
        grid = [ALPHABET.index(tile) for tile in emptied]
        cells = np.array(grid, np.int64).reshape(SIZE, SIZE)
        items.append((cells, len(level.boxes) - gone, hard))
    return items


def _turned(items: Any, random: np.random.Generator) -> Any:
    """Rotate and mirror a batch, all items alike."""
    items = np.rot90(items, int(random.integers(4)), (1, 2))
    if random.integers(2):
        items = items[:, :, ::-1]
    return np.ascontiguousarray(items)
