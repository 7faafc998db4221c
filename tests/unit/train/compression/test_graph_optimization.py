"""How a graph starts fastest, measured; what was chosen is what is served."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from small_models import wide

from hotseat_serve.runtime.session import Session
from hotseat_train.compression import graph_optimization
from hotseat_train.run import Run


@pytest.fixture
def run(tmp_path):
    """A run with a graph whose weights are stored beside the optimised one."""
    made = Run(tmp_path)
    onnx.save(wide(), made.model)
    return made


def test_an_optimised_graph_answers_as_the_plain_one(run):
    """The same numbers, with the weights in the file beside it."""
    fast = graph_optimization.optimized(run.model)
    assert Path(f"{fast}.data").stat().st_size >= 64 * 512 * 4
    x = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)
    plain = Session(run.model).run({"x": x})["scores"]
    quick = Session(fast, optimized=True).run({"x": x})["scores"]
    np.testing.assert_allclose(quick, plain, rtol=1e-5, atol=1e-5)


def test_without_a_measurement_the_graph_stays_as_it_is(run):
    """Nobody has to optimise."""
    assert graph_optimization.variant(run, "fp32", run.model).files == ("model.onnx",)
