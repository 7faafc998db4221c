"""Small generated files of the data sets' forms, for a machine that has no copy.

No line, player or map in them is anybody's: words are drawn from short lists, players
by a formula, levels by the pretrained graph and maps column by column. They are easy to
learn and say nothing of how good a model is; the tests that read them hold the way from
a file to a served version.
"""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hotseat_serve.kinds.options import Options
from hotseat_train.pipeline.train import PRETRAINED
from hotseat_train.tasks import (
    chat_generated,
    mario_levels,
    player_churn,
    sokoban_levels,
)

_SAID = {
    "O": "gg wp nice mid top go push tower ward hello well played ok smoke wait",
    "E": "noob stupid idiot trash useless bad team terrible loser clown worst",
    "I": "ez easy sleep bored again free lol try next time kids school",
    "A": "report commend please pause him them mid support admin remove",
}
_SHARED = "the we you they now game so and all this that is are in it a of to"
_KIND, _RUDE = "好玩地图一起赢了朋友不错精彩加油喜欢", "菜蠢笨差劲废物滚讨厌垃圾坑货"
_COMMON = "我们你他的这个大家今天比赛队伍真是在看了又很就都"


def write(folder: Path) -> Path:
    """Write every file that a task reads, at its place below `folder`."""
    random = np.random.default_rng(4)
    _conda(folder / "conda/train.csv", random)
    for name, count in (("train", 3_000), ("dev", 800)):
        _cold(folder / f"cold/{name}.csv", count, random)
    _further_chat(folder, random)
    _players(folder / "wow/players-2008.parquet", random)
    _boxoban(folder / "boxoban")
    _maps(folder / "vglc/super-mario-bros", random)
    return folder


def _table(path: Path, names: list[str], rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])


def _conda(path: Path, random: np.random.Generator) -> None:
    """Lines of chat; one in ten has the label of another sort."""
    names = ["matchId", "chatTime", "playerSlot", "utterance", "intentClass"]
    kinds, rows = list(_SAID), []
    for at in range(6_000):
        kind = random.choice(kinds, p=[0.6, 0.2, 0.1, 0.1])
        words = [
            *random.choice(_SHARED.split(), random.integers(1, 5)),
            *random.choice(_SAID[kind].split(), random.integers(1, 4)),
        ]
        random.shuffle(words)
        label = random.choice(kinds) if random.random() < 0.1 else kind
        rows.append([at // 20, at, at % 10, " ".join(words), label])
    _table(path, names, rows)


def _cold(path: Path, count: int, random: np.random.Generator) -> None:
    """Comments; one in ten has the other label."""
    rows: list[list[object]] = []
    for _ in range(count):
        label = int(random.integers(2))
        some = _RUDE if label else _KIND
        characters = [
            *random.choice(list(_COMMON), random.integers(6, 20)),
            *random.choice(list(some), random.integers(2, 6)),
        ]
        random.shuffle(characters)
        said = label ^ int(random.random() < 0.1)
        rows.append([said, "".join(characters)])
    _table(path, ["label", "TEXT"], rows)


def _further_chat(folder: Path, random: np.random.Generator) -> None:
    """What chat moderation is trained on besides: comments, tweets, word lists."""
    lines = [" ".join(random.choice(_SHARED.split(), 6)) for _ in range(200)]
    for name in ("gc", "gn"):
        rows: list[list[object]] = [
            [at % 20 == 0, line] for at, line in enumerate(lines)
        ]
        _table(
            folder / f"context-toxicity/{name}.csv",
            ["label", "text"],
            [[float(row[0]), f"{name} {row[1]}"] for row in rows],
        )
    tweets: list[list[object]] = [
        [at % 3, f"t {line}"] for at, line in enumerate(lines)
    ]
    _table(folder / "davidson/labeled_data.csv", ["class", "tweet"], tweets)
    said: list[list[object]] = [
        [f"s {line}", "Toxic" if at % 2 else "Not Toxic"]
        for at, line in enumerate(lines)
    ]
    _table(folder / "surge/toxicity_en.csv", ["text", "is_toxic"], said)
    sexist: list[list[object]] = [
        [f"e {line}", "sexist" if at % 2 else "not sexist", "1. threats" * (at % 2)]
        for at, line in enumerate(lines)
    ]
    columns = ["text", "label_sexist", "label_category"]
    _table(folder / "edos/edos_labelled_aggregated.csv", columns, sexist)
    votes: list[list[object]] = [
        [f"b {line}", int(at % 2 == 0), int(at % 2), int(at % 4 == 1)]
        for at, line in enumerate(lines)
    ]
    one = "Annotator1_"
    columns = ["user", f"{one}is_abuse.1", f"{one}is_abuse.-2", f"{one}sex_harassment"]
    for name in ("train", "valid", "test"):
        _table(folder / f"convabuse/{name}.csv", columns, votes)
    posts: list[list[object]] = [
        [f"h {line}", "none" if at % 2 else "threateninglanguage", 1 - at % 2]
        for at, line in enumerate(lines)
    ]
    for name in ("train", "validation", "test"):
        columns = ["text", "type", "label_gold"]
        _table(folder / f"hatemoji/{name}.csv", columns, posts)
    (folder / "word-lists").mkdir(parents=True, exist_ok=True)
    for language in chat_generated.SOURCES:
        words = [f"{language}word{number}" for number in range(403)]
        (folder / f"word-lists/{language}").write_text("\n".join(words), "utf-8")


def _players(path: Path, random: np.random.Generator) -> None:
    """Players who play about as much each month, until those who like it least stop."""
    months, rows = player_churn._MONTHS, []
    for char in range(1, 8_001):
        zeal = random.random()
        start = int(random.integers(1, 8))
        played = random.poisson(1 + 600 * zeal * random.random(len(months)) ** 2)
        stops = random.random(len(months)) < 0.5 * (1 - zeal) ** 1.2
        stops[:6] = False
        gone = next((at for at in range(start, len(months)) if stops[at]), len(months))
        played[: start - 1], played[gone:] = 0, 0
        rows.append(
            {
                "char": char,
                "race": str(random.choice(["Orc", "Troll", "Gnome", "Undead"])),
                "charclass": str(random.choice(["Mage", "Rogue", "Priest"])),
                "start_month": start,
                "start_level": int(random.integers(1, 60)),
                **dict(zip(months, map(float, played), strict=True)),
            }
        )
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def _boxoban(folder: Path) -> None:
    """Twelve levels with four boxes; the other files have none."""
    folder.mkdir(parents=True)
    loaded = sokoban_levels.TASK.loaded(PRETRAINED / "sokoban-levels/model.onnx")
    blocks = []
    for seed in range(12):
        (answer,) = loaded.predict([{"boxes": 4}], options=Options(seed=seed))
        blocks.append("\n".join([f"; {seed}", *answer["item"], ""]))
    for at, (name, _, _) in enumerate(sokoban_levels._FILES):
        (folder / name).write_text("" if at else "\n".join(blocks))


def _maps(folder: Path, random: np.random.Generator) -> None:
    """Maps with ground that has gaps of up to two, steps, coins and enemies."""
    folder.mkdir(parents=True)
    height = mario_levels.HEIGHT
    for name in mario_levels._MAPS:
        columns: list[str] = ["-" * (height - 1) + "X"] * 3
        while len(columns) < 160:
            gap = int(random.integers(1, 3)) if random.random() < 0.25 else 0
            columns += ["-" * height] * gap
            for _ in range(int(random.integers(2, 7))):
                up = int(random.integers(0, 2))
                column = list("-" * (height - 1 - up) + "X" * (1 + up))
                if random.random() < 0.2:
                    column[height - 2 - up] = "E"
                if random.random() < 0.1:
                    column[3] = "o"
                columns.append("".join(column))
        columns += ["-" * (height - 1) + "X"] * 3
        rows = ["".join(row) for row in zip(*columns, strict=True)]
        (folder / f"mario-{name}.txt").write_text("\n".join(rows) + "\n")
