"""What an explanation costs, beside one run of the graph, LightGBM's own and shap's.

Trees: player-churn's run, or without its data a made table; the median of rows that are
explained one by one, as a multiple of `session.run` of the same row, in alternation.
Texts: the pretrained chat-moderation, through the service's own call.

    make bench-explain
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from hotseat_registry import Reference, open_registry
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings
from hotseat_train import api
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.synthetic_rows import background
from hotseat_train.pipeline import train as training
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.publish import publish
from hotseat_train.tasks.player_churn import PlayerChurn

LINES = (
    "gg wp", "you are trash, noob team", "report mid please, he feeds every game",
    "nice one everybody, that was a close match and a good comeback, see you tomorrow",
    "你这个垃圾，别玩了",
)  # fmt: skip
SHAP = """
import sys, time, statistics, lightgbm, numpy as np, shap
booster = lightgbm.Booster(model_file=sys.argv[1] + "/trees.txt")
rows = np.load(sys.argv[1] + "/rows.npy")
trees = shap.TreeExplainer(booster)
trees.shap_values(rows[:1])
times = []
for row in rows:
    began = time.perf_counter()
    trees.shap_values(row[None])
    times.append(time.perf_counter() - began)
print(statistics.median(times))
"""
PYTHON = Path(".venv/libraries/shap/bin/python")


def median(
    calls: Mapping[str, Callable[[int], Any]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the median seconds of each call, all in alternation."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 3):
        for name, call in calls.items():
            began = clock()
            call(number)
            if number >= 3:
                times[name].append(clock() - began)
    return {name: statistics.median(some) for name, some in times.items()}


def opened(folder: Path, model: str) -> LoadedModel:
    """Return the first version of a registry in the folder."""
    registry = open_registry(f"file://{folder}/registry")
    settings = Settings(cache=str(folder / "cache"))
    return load(registry, Reference(model, version=1), settings)


def churn(folder: Path) -> dict[str, float] | None:
    """Return the times of player-churn's trees; None without its data."""
    task = PlayerChurn()
    try:
        run = training.train(task, task.plan_of({}), folder / "run")
    except DatasetError as error:
        print(f"player-churn: {error}", file=sys.stderr)
        return None
    write(run, evaluate(run))
    registry = open_registry(f"file://{folder}/registry")
    publish(run, registry, by="bench", report=lambda _: None)
    model = opened(folder, task.name)
    made = background(model.manifest.signature, task.data.train, {})
    assert made is not None
    rows = made.rows
    from hotseat_serve.codec import game_json

    tensors = [game_json.encode(model.manifest.signature, [row]) for row in rows]
    return median(
        {
            "run": lambda at: model.session.run(tensors[at % len(rows)]),
            "predict": lambda at: model.predict([rows[at % len(rows)]]),
            "explain": lambda at: model.explain(rows[at % len(rows)], ""),
        },
        300,
    )


def beside(folder: Path) -> dict[str, float]:
    """Return the times of LightGBM's trees by ours, its own and shap's."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3_000, 13)).astype(np.float32)
    target = (rows[:, 0] * rows[:, 1] + rows[:, 2] > 0).astype(int)
    trees = lightgbm.LGBMClassifier(n_estimators=100, verbose=-1).fit(rows, target)
    api.publish(
        trees, name="m", example=rows[:50], labels=("no", "yes"),
        registry=f"file://{folder}/registry", notify=lambda _: None,
    )  # fmt: skip
    model = opened(folder, "m")
    (item,) = model.manifest.signature.inputs
    names = [field.name for field in item.fields or ()]
    given = [
        dict(zip(names, row.tolist(), strict=True)) if names else row.tolist()
        for row in rows[:200]
    ]
    found = median(
        {
            "run": lambda at: model.session.run({item.name: rows[at % 200][None]}),
            "explain": lambda at: model.explain(given[at % 200], ""),
            "pred_contrib": lambda at: trees.booster_.predict(
                rows[at % 200][None], pred_contrib=True, num_threads=1
            ),
        },
        200,
    )
    if PYTHON.exists():
        trees.booster_.save_model(folder / "trees.txt")
        np.save(folder / "rows.npy", rows[:200])
        said = subprocess.run(
            [PYTHON, "-c", SHAP, folder], check=True, capture_output=True, text=True
        )
        found["shap"] = float(said.stdout)
    return found


def texts(folder: Path) -> dict[str, float]:
    """Return the times of explaining chat lines."""
    from hotseat_train.pipeline.train import PRETRAINED

    source = PRETRAINED / "chat-moderation"
    manifest = json.loads((source / "manifest.json").read_bytes())
    from hotseat_registry import Manifest
    from hotseat_serve.runtime.session import Session

    described = Manifest.from_json(manifest)
    (variant,) = (v for v in described.variants if (source / v.file).exists())
    model = LoadedModel(described, variant.name, Session(source / variant.file))
    del folder
    calls = {line: lambda _, line=line: model.explain(line, "") for line in LINES}
    processor = median(calls, 20, time.process_time)
    return {
        **median(calls, 20),
        **{f"CPU: {line}": seconds for line, seconds in processor.items()},
    }


def main() -> None:
    """Print the figures, and write them where ``--json`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, Any] = {"cpu": cpu()}
    for part in (churn, beside, texts):
        with tempfile.TemporaryDirectory() as name:
            times = part(Path(name))
        if times is None:
            continue
        found[part.__name__] = {k: round(1e3 * v, 4) for k, v in times.items()}
        print(part.__name__)
        for call, seconds in times.items():
            more = f"  {seconds / times['run']:6.1f} x run" if "run" in times else ""
            print(f"  {call[:40]:40} {1e3 * seconds:9.3f} ms{more}")
    if arguments.json:
        text = json.dumps(found, ensure_ascii=False, indent=1)
        arguments.json.write_text(f"{text}\n", "utf-8")


def cpu() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line for line in lines if line.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.processor()


if __name__ == "__main__":
    main()
