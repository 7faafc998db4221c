"""How a graph starts fastest, measured; what was chosen is what is served."""

import json

import onnx
import pytest
from small_models import wide

from hotseat_train.compression import graph_optimization
from hotseat_train.run import Run


@pytest.fixture
def run(tmp_path):
    """A run with a graph whose weights are stored beside the optimised one."""
    made = Run(tmp_path)
    onnx.save(wide(), made.model)
    return made


def test_both_ways_are_measured_and_the_choice_is_kept(run):
    """What is left in the run says how long each took, and the variant follows it."""
    found = graph_optimization.choose(run)[run.model.name]
    assert found["plain"] > 0
    assert found["optimized"] > 0
    for way in ("plain", "optimized"):
        record = run.folder / "startup.json"
        record.write_text(json.dumps({run.model.name: {**found, "chosen": way}}))
        variant = graph_optimization.variant(run, "fp32", run.model)
        assert bool(variant.optimized) == (way == "optimized")
        assert all((run.folder / name).exists() for name in variant.files)
