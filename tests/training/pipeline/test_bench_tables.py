"""The benchmark of tables runs on data that a package ships."""

import importlib.util
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "benchmarks/tables.py"


@pytest.mark.slow
def test_the_default_holds_up_beside_plain_models(tmp_path):
    """On scikit-learn's wine and breast cancer, two folds: near the better one."""
    spec = importlib.util.spec_from_file_location("bench_tables", BENCH)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    for name in ("wine", "breast_cancer"):
        scores = bench.measure(bench.packaged(name, tmp_path), 2, None)["scores"]
        assert set(scores) == {"hotseat", "lightgbm", "logistic"}
        _, accuracy, _ = bench.difference(scores, 0, 1)
        _, loss, _ = bench.difference(scores, 1, -1)
        assert accuracy > -0.02  # of a few hundred rows
        assert loss < 0.02
