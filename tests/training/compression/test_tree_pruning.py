"""Ensembles of fewer trees are variants."""

import onnx
import pytest

from hotseat_train.compression import tree_pruning, variants
from hotseat_train.errors import RunError
from hotseat_train.pipeline.evaluate import evaluate, write
from hotseat_train.pipeline.train import train
from hotseat_train.testing import own_table as table
from hotseat_train.testing import players as rows


@pytest.mark.parametrize("family", ["trees", "blend"])
def test_fewer_and_shorter_trees_are_variants(family, tmp_path):
    """They are smaller, are served, and are measured with what they lost."""
    task, _ = table(tmp_path, rows(600), family=family)
    run = train(task, task.plan("adam"), tmp_path / "run")
    made = variants.make(run)
    assert {"trees-20", "trees-pruned"} <= set(made)
    manifest = write(run, evaluate(run))
    by = {variant.name: variant.metrics for variant in manifest.variants}
    assert by["trees-20"]["bytes"] < 0.7 * by["fp32"]["bytes"]
    assert by["trees-pruned"]["bytes"] < 0.8 * by["fp32"]["bytes"]
    assert by["trees-pruned"]["roc_auc"] > by["fp32"]["roc_auc"] - 0.05
    assert "quality_drop_interval" in by["trees-20"]
    whole = tree_pruning.cut_ensemble(run, fewer=(), share=0.0)["trees-pruned"]
    assert _leaves(whole) == _leaves(run.model)
    other, _ = table(tmp_path, rows(), family="svm-linear")
    machine = train(other, other.plan("adam"), tmp_path / "machine")
    with pytest.raises(RunError, match="no trees"):
        tree_pruning.cut_ensemble(machine)


def _leaves(path):
    node = next(n for n in onnx.load(path).graph.node if "TreeEnsemble" in n.op_type)
    modes = next(a for a in node.attribute if a.name == "nodes_modes").strings
    return list(modes).count(b"LEAF")
