"""Rows against seconds and memory: ``make bench-size``; LightGBM alone beside it.

Each training is a process of its own, timed by its wall clock and its CPU seconds, with
the peak of its resident memory. Both read the same Parquet file and grow the same
number of trees; LightGBM alone reads it into one float32 array with its own categories,
and writes no graph.

    python benchmarks/size.py --rows 100000 1000000 --picture docs/models/size.png
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cpu
import size_table

HERE = Path(__file__).resolve()
SETTINGS = {"n_estimators": 100, "learning_rate": 0.1, "num_leaves": 63,
            "min_child_samples": 100}  # fmt: skip
NAMES = {"hotseat": "hotseat train --stream", "lightgbm": "LightGBM alone",
         "workers": "two workers"}  # fmt: skip


def hotseat(path, run, workers=0):
    """Train with the command."""
    plan = run.parent / "plan.json"
    plan.write_text(json.dumps({"settings": SETTINGS}))
    words = [
        Path(sys.executable).with_name("hotseat"), "train", "--data", path, "--target",
        "churned", "--run", run, "--stream", "--plan", plan, "--model-name", "size",
        *(("--workers", str(workers)) if workers else ()),
    ]  # fmt: skip
    subprocess.run(list(map(str, words)), check=True, stdout=subprocess.DEVNULL)
    record = json.loads((run / "run.json").read_bytes())
    best = record["best"]
    return {"loss": best["validation_loss"], "accuracy": best["validation_accuracy"],
            "forecast": record["forecast"]}  # fmt: skip


def lightgbm(path, _run, _workers=0):
    """Train in memory, as most do it; a tenth of the rows is for validation."""
    import lightgbm as engine
    import numpy as np
    from pyarrow import compute, parquet

    table = parquet.read_table(path)
    targets = compute.equal(table.column("churned"), "yes").to_numpy()
    features = table.drop_columns(["churned"])
    x = np.empty((len(table), features.num_columns), np.float32)
    categories = []
    for at, name in enumerate(features.column_names):
        column = features.column(name).combine_chunks()
        if str(column.type) == "string":
            categories.append(at)
            column = column.dictionary_encode().indices
        x[:, at] = column.cast("float32").to_numpy(zero_copy_only=False)
    del table, features
    cut = int(0.9 * len(x))
    settings = dict(SETTINGS)
    most = settings.pop("n_estimators")
    common = {
        **settings,
        "objective": "binary",
        "metric": ["binary_logloss", "binary_error"],
        "num_threads": os.cpu_count(),
        "force_col_wise": True,
        "deterministic": True,
        "seed": 0,
        "verbosity": -1,
    }
    train = engine.Dataset(x[:cut], targets[:cut], categorical_feature=categories,
                           params=common)  # fmt: skip
    held = engine.Dataset(x[cut:], targets[cut:], reference=train)
    found = {}
    engine.train(common, train, most, valid_sets=[held],
                 callbacks=[engine.record_evaluation(found)])  # fmt: skip
    (sides,) = found.values()
    return {"loss": sides["binary_logloss"][-1],
            "accuracy": 1 - sides["binary_error"][-1]}  # fmt: skip


def measured(what, path, workers=0):
    """Run one training in a process of its own; return its figures."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        words = [sys.executable, HERE, "--one", what, path, "--run",
                 Path(folder, "run"), "--workers", workers]  # fmt: skip
        environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
        done = subprocess.run(
            list(map(str, words)),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    return {**json.loads(done.stdout.splitlines()[-1]),
            "seconds": round(time.monotonic() - began, 1)}  # fmt: skip


def one(what, path, run, workers):
    """Train in this process or a child, and print the figures of the larger."""
    train = lightgbm if what == "lightgbm" else hotseat
    found = train(path, run, workers)
    both = [resource.getrusage(who) for who in
            (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]  # fmt: skip
    print(json.dumps({
        **found,
        "cpu_seconds": round(sum(u.ru_utime + u.ru_stime for u in both), 1),
        "memory_bytes": 1024 * max(usage.ru_maxrss for usage in both),
    }))  # fmt: skip


def table(results):
    """Return the results as a table in Markdown."""
    names = ("rows", "what", "seconds", "CPU seconds", "peak memory, GB", "forecast",
             "log loss", "accuracy")  # fmt: skip
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for rows, what, found in results:
        told = found.get("forecast")
        ahead = (
            f"{told['seconds']:.0f} s, {told['memory_bytes'] / 1e9:.2f} GB"
            if told
            else ""
        )
        cells = (
            f"{rows:,}", NAMES[what], f"{found['seconds']:.0f}",
            f"{found['cpu_seconds']:.0f}", f"{found['memory_bytes'] / 1e9:.2f}", ahead,
            f"{found['loss']:.4f}", f"{found['accuracy']:.4f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def growth(results, what):
    """Return the bytes a row that the peak grows by, from the least to the most."""
    sizes = sorted(
        (rows, r["memory_bytes"]) for rows, name, r in results if name == what
    )
    if len(sizes) < 2:
        return None
    (first, low), (last, high) = sizes[0], sizes[-1]
    return (high - low) / (last - first)


def draw(results, path):
    """Plot seconds and memory against rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for what, name in NAMES.items():
        found = sorted((rows, r) for rows, kind, r in results if kind == what)
        if not found:
            continue
        rows = [row for row, _ in found]
        for axis, values in (
            (axes[0], [r["cpu_seconds"] for _, r in found]),
            (axes[1], [r["memory_bytes"] / 1e9 for _, r in found]),
        ):
            axis.plot(rows, values, marker="o", label=name)
    for axis, label in zip(axes, ("CPU seconds", "peak memory, GB"), strict=True):
        axis.set(xscale="log", xlabel="rows of 20 columns", ylabel=label)
        axis.set_ylim(bottom=0)
        axis.legend()
    figure.suptitle(
        f"{SETTINGS['n_estimators']} trees of {SETTINGS['num_leaves']} leaves"
    )
    figure.savefig(path, dpi=110)


def main():
    """Measure, print the table, write JSON and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[100_000, 300_000, 1_000_000, 3_000_000, 10_000_000],
    )
    parser.add_argument("--folder", type=Path, help="for the generated tables")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path, help="results are added to those in it")
    parser.add_argument("--alone", action="store_true", help="without LightGBM alone")
    parser.add_argument("--workers", type=int, default=0, help="also with so many")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()  # fmt: skip
    if arguments.one:
        what, path = arguments.one
        one(what, Path(path), arguments.run, arguments.workers)
        return
    results = []
    if arguments.json and arguments.json.exists():
        results = json.loads(arguments.json.read_bytes())
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for rows in arguments.rows:
            path = Path(folder, f"{rows}.parquet")
            size_table.write(path, rows)
            kinds = ["hotseat", *([] if arguments.alone else ["lightgbm"]),
                     *(["workers"] if arguments.workers else [])]  # fmt: skip
            for what in kinds:
                workers = arguments.workers if what == "workers" else 0
                found = measured(what, path, workers)
                results = [r for r in results if r[:2] != [rows, what]]
                results.append([rows, what, found])
                if arguments.json:
                    arguments.json.write_text(json.dumps(results, indent=1) + "\n")
                print(rows, what, found, file=sys.stderr, flush=True)
            path.unlink()
    print(f"{cpu.name()}, {os.cpu_count()} cores\n\n{table(sorted(results, key=str))}")
    for what, name in NAMES.items():
        if (grown := growth(results, what)) is not None:
            print(f"\n{name}: the peak grows by {grown:.0f} bytes a row")
    if arguments.picture:
        draw(results, arguments.picture)


if __name__ == "__main__":
    main()
