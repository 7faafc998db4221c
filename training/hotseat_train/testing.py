"""A generated table of players, for tests of own tables."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hotseat_train.tasks.own_table import OwnTable


def players(count: int = 300, seed: int = 0) -> list[dict[str, Any]]:
    """Return players who leave when they play little; some hours are missing."""
    rng = random.Random(seed)  # noqa: S311 (to be the same every time)
    rows = []
    for number in range(count):
        hours = round(rng.expovariate(0.1), 2)
        rows.append(
            {
                "player_id": number + 5,
                "hours": "" if rng.random() < 0.1 else hours,
                "level": rng.randint(1, 60),
                "country": rng.choice(["de", "fr", "cn", ""]),
                "vip": rng.choice(["true", "false"]),
                "churned": "yes" if hours + rng.gauss(0, 3) < 7 else "no",
            }
        )
    return rows


_KIND = (
    "gg", "wp", "nice", "push", "mid", "back", "def", "base", "drop", "heal",
    "打得好", "谢谢", "我们", "可以", "赢",
)  # fmt: skip
_RUDE = ("noob", "trash", "菜", "垃圾")


def chat(count: int = 600, seed: int = 7) -> list[dict[str, str]]:
    """Return lines of chat in two languages; the toxic ones hold a rude word."""
    rng = random.Random(seed)  # noqa: S311 (to be the same every time)
    rows = []
    for number in range(count):
        rude = rng.random() < 0.4
        words = [*rng.sample(_KIND, 4), *(rng.sample(_RUDE, 1) if rude else ())]
        rng.shuffle(words)
        rows.append(
            {
                "text": f"{' '.join(words)} {number}",
                "label": "toxic" if rude else "ok",
            }
        )
    return rows


def own_table(
    folder: Path, rows: Sequence[Mapping[str, Any]], **more: Any
) -> tuple[OwnTable, list[str]]:
    """Write rows as CSV into a folder; return the task and the list of its warnings."""
    path = folder / "players.csv"
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    notes: list[str] = []
    task = OwnTable(
        path=path,
        target="churned",
        name="players",
        warn=notes.append,
        **{"family": "trees", **more},
    )
    return task, notes
