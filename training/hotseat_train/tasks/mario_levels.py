"""Generates pieces of platform levels; each is checked for a path first.

The model learns from fifteen maps of Super Mario Bros. in the Video Game Level Corpus.
The pipeline is that of Sokoban: an autoregressive model, sampled by the service, whose
items are checked by the game's rules.

The maps are Nintendo's designs, transcribed by others: neither they nor a graph trained
on them are installed, and the longest passage that a generated piece shares with a map
is measured. A studio uses its own maps instead.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import Field, Generation, Input, Output, Signature
from hotseat_serve.rules import platformer
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.download import Source
from hotseat_train.models.levels import autoregressive, sample_metrics
from hotseat_train.tasks.self_trained import SelfTrainedTask

ALPHABET = "-XSE?Q<>[]oBb"
HEIGHT, WIDTH = 14, 32
_LAGS = 5 * HEIGHT
_STEPS = 1_000
"""Steps that two idle cores train in a minute."""
_HELD = ("2-1", "6-2")
"""Maps for the validation loss, held out of the training."""
_ADDRESS = (
    "https://raw.githubusercontent.com/TheVGLC/TheVGLC/0e86a8f/"
    "Super%20Mario%20Bros/Processed"
)
_MAPS = {
    "1-1": "a04d56ae583819ebb39d2205b7322683eabaa2dd4b8b99960ee4243d43de4ac8",
    "1-2": "452cc0dacb4f7d694056f7eaaaa92c5c5ad9b01b257dd1d73bb8465f34d80b31",
    "1-3": "196f261f587af31bf2d368770821a1c8c6d398c54054323dec75dba8445d79d4",
    "2-1": "46b6c852051882baed2e0168e333211d7846c002373d03c3673d3301c00ec3a2",
    "3-1": "83375e929561ff0d82b70c50b7dba81de0ab4a550c04244c883d1226b82d68a2",
    "3-3": "6f66abf4ba83b4c20aba85702c0404b7aea83d54b650cc067e0f88e5d313a1f8",
    "4-1": "f944d7c2e48d2fe07ed0928929fa0440f4d51b9c2f46140a3fbd8416b376bdfe",
    "4-2": "d64e001ff96560c99790e39bf4dc6f89c32f2ba70997c73546af12e829338839",
    "5-1": "c3e1a89123f87f5e85307e5a90281dd6029a2c110f2beb96d471393e3caf37a2",
    "5-3": "ef95a313c041ec54a120d75fc99f0f1372bc8e7666fa3fd1742ac3cc4d600538",
    "6-1": "a182dc73ec03c9bd4d608824d89fc65c34f05783572f075b9b13c573496ba008",
    "6-2": "2ddf7c1cf3b79048e40e98c0131b39ebacccaf6b4a50b0128b2d22f91f61693c",
    "6-3": "316814e64fa2f95b3e6b2dce2eb698672ff9ede3b756c284edbb96e10b60b46a",
    "7-1": "4a10eb8eb5651a5064cc36f61b9daec0240d3e646897acddbb28b99856bb9dd9",
    "8-1": "5cedb7f364e980d04552a1ebfad122709e528273b7506d8bae84a380d09e7b85",
}
WISHES = (
    Field("enemies", minimum=0, maximum=12, default=2),
    Field("gaps", minimum=0, maximum=16, default=3),
)
_ASKED, _MEASURED = 120, 60


class MarioLevels(SelfTrainedTask):
    """Generates a piece of a level with a path to its end, from wishes."""

    name = "mario-levels"
    kind = "generation"
    intended_use = (
        "Show how a studio's own maps become a generator; give a platform game drafts."
    )
    limits = (
        "Learned from designs of Nintendo: for study, and no graph comes along; a "
        "studio puts maps of its own in their place. Whether the end can be reached is "
        "judged tile by tile: springs, moving platforms and enemies are not part of it."
    )
    data: Mapping[str, Any] = {
        "source": "TheVGLC/TheVGLC @ 0e86a8f, Super Mario Bros, 15 maps",
        "licence": "MIT (the corpus; the designs are Nintendo's)",
    }

    def learn(
        self, folder: Path, minutes: float, report: Callable[[str], None]
    ) -> Sequence[tuple[float, float]]:
        """Train on pieces cut anywhere from the maps."""
        maps = texts()
        net = autoregressive.LaggedMLP(
            (HEIGHT, WIDTH), len(ALPHABET), len(WISHES), _LAGS
        )
        seen = _pieces([maps[name] for name in maps if name not in _HELD])
        aside = _pieces([maps[name] for name in _HELD])
        plan = autoregressive.plan(
            steps=max(1, round(minutes * _STEPS)), batch_size=512
        )
        held = _drawn(aside, 4_000, np.random.default_rng(0))
        report(f"{len(seen[0])} pieces of {len(maps) - len(_HELD)} maps to learn from")
        curve = autoregressive.learn(
            net,
            lambda count, random: _drawn(seen, count, random),
            held,
            plan,
            report,
            folder / "checkpoint.pt",
        )
        net.export(folder / "model.onnx")
        return curve

    def signature(self) -> Signature:
        """Enemies and gaps in, rows of a piece out."""
        return Signature(
            inputs=(
                Input("grid", "INT64", (-1, HEIGHT, WIDTH), "tensor"),
                Input("wish", "FP32", (-1, len(WISHES)), "features", fields=WISHES),
            ),
            outputs=(Output("logits", "FP32", (-1, len(ALPHABET))),),
            max_rows=4,
            rules="platformer",
            generation=Generation(
                height=HEIGHT,
                width=WIDTH,
                alphabet=tuple(ALPHABET),
                by="columns",
                batch=16,
                batches=6,
                choices=16,
                near=1.0,
            ),
        )

    def inputs(self) -> Sequence[Any]:
        """Return wishes for enemies and gaps."""
        return [{"enemies": at % 6, "gaps": (at // 6) % 5 * 2} for at in range(_ASKED)]

    def measure(self, loaded: LoadedModel) -> dict[str, Any]:
        """Return playable share, novelty, diversity, wishes kept, milliseconds."""
        maps = texts()
        requests = self.inputs()[:_MEASURED]
        items, spent = sample_metrics.generate(loaded, requests)
        if not items:
            return {"returned": 0.0}
        rows = [answer["item"] for _, answer in items]
        shared = [longest(item, maps.values()) for item in rows]
        yard = [
            longest(_piece(maps[name], at), [m for n, m in maps.items() if n != name])
            for name in maps
            for at in range(0, len(maps[name][0]) - WIDTH, WIDTH)
        ]
        walked = [platformer.check(item, {}, lambda: False) for item in rows]
        return {
            "returned": len(items) / len(requests),
            "playable_of_returned": float(np.mean([w is not None for w in walked])),
            "maps_playable_by_the_same_rules": _share_of(maps.values()),
            "new": float(np.mean([length < WIDTH for length in shared])),
            "columns_shared_with_a_map_median": float(np.median(shared)),
            "columns_shared_with_a_map_largest": max(shared),
            "columns_maps_share_with_each_other_median": float(np.median(yard)),
            "columns_maps_share_with_each_other_largest": max(yard),
            "different_from_each_other": len({tuple(item) for item in rows})
            / len(rows),
            "cells_that_differ": sample_metrics.diversity(rows),
            **{
                f"{name}_follow_wish": sample_metrics.correlation(items, name)
                for name in ("enemies", "gaps")
            },
            "milliseconds_of_a_core_median": round(float(np.median(spent)), 1),
            "milliseconds_of_a_core_p95": round(float(np.percentile(spent, 95)), 1),
        }  # fmt: skip


TASK = MarioLevels()


def texts() -> dict[str, tuple[str, ...]]:
    """Return every map by its name, as its rows."""
    found = {}
    for name, digest in _MAPS.items():
        file = f"mario-{name}.txt"
        source = Source(f"vglc/super-mario-bros/{file}", f"{_ADDRESS}/{file}", digest)
        found[name] = tuple(source.path().read_text("utf-8").split())
    return found


def longest(item: Sequence[str], maps: Iterable[Sequence[str]]) -> int:
    """Return the most columns in a row that an item shares with any of the maps."""
    mine, best = _columns(item), 0
    for rows in maps:
        last = [0] * (len(mine) + 1)
        for column in _columns(rows):
            now = [0]
            for at, own in enumerate(mine):
                now.append(last[at] + 1 if own == column else 0)
            best, last = max(best, *now), now
    return best


def _columns(rows: Sequence[str]) -> list[str]:
    return ["".join(column) for column in zip(*rows, strict=True)]


def _piece(rows: Sequence[str], at: int) -> tuple[str, ...]:
    return tuple(row[at : at + WIDTH] for row in rows)


def _pieces(maps: Sequence[Sequence[str]]) -> tuple[Any, Any]:
    """Return every piece of the maps, [n, height, width], and its wishes."""
    grids, wishes = [], []
    for rows in maps:
        for at in range(len(rows[0]) - WIDTH + 1):
            piece = _piece(rows, at)
            found = platformer.counts(piece)
            grids.append([[ALPHABET.index(tile) for tile in row] for row in piece])
            wishes.append([found[field.name] for field in WISHES])
    return np.array(grids, np.int64), np.array(wishes, np.float32)


def _drawn(
    pieces: tuple[Any, Any], count: int, random: np.random.Generator
) -> autoregressive.Batch:
    grids, wishes = pieces
    rows = random.integers(len(grids), size=count)
    cells = random.integers(HEIGHT * WIDTH, size=count)
    seen, target = autoregressive.cut(grids[rows], cells, "columns")
    return seen, wishes[rows], target


def _share_of(items: Iterable[Sequence[str]]) -> float:
    found = [platformer.check(item, {}, lambda: False) is not None for item in items]
    return round(float(np.mean(found)), 3)
