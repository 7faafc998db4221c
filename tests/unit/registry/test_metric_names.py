"""Metrics and curves of earlier releases are read under their present names."""

from dataclasses import replace

import pytest

from hotseat_registry import metric_names
from hotseat_registry.diff import diff
from hotseat_registry.gate import Gate

OLD = {
    "accuracy": 0.9,
    "loss": 0.01,
    "loss_interval": [0.0, 0.02],
    "disguised": {"accuracy": 0.8},
    "spoiled": {"gaps": {"accuracy": 0.7}, "strangers": {"accuracy": 0.6}},
    "f1": {"disguised": 0.5},
}
NEW = {
    "accuracy": 0.9,
    "quality_drop": 0.01,
    "quality_drop_interval": [0.0, 0.02],
    "obfuscated": {"accuracy": 0.8},
    "corrupted": {"gaps": {"accuracy": 0.7}, "unseen_categories": {"accuracy": 0.6}},
    "f1": {"disguised": 0.5},
}


def test_former_names_are_read():
    """Metrics are renamed, labels are not, and present names stay."""
    assert metric_names.current(OLD) == NEW
    assert metric_names.current(NEW) == NEW
    assert metric_names.current({**OLD, **NEW, "loss": 9}) == NEW


def test_a_tasks_own_loss_keeps_its_name():
    """Only a loss with an interval is a quality drop."""
    assert metric_names.current({"loss": 2.5}) == {"loss": 2.5}
    assert metric_names.find({"loss": 2.5}, "loss") == 2.5


def test_curves_of_earlier_reports_are_read():
    """The bins of a calibration curve have new names, too."""
    old = {"reliability": [{"said": 0.2, "came": 0.1, "rows": 3}], "roc": [[0, 0]]}
    new = {
        "calibration_curve": [{"predicted": 0.2, "observed": 0.1, "rows": 3}],
        "roc": [[0, 0]],
    }
    assert metric_names.current(old) == new
    assert metric_names.current(new) == new


@pytest.mark.parametrize("metrics", [OLD, NEW])
@pytest.mark.parametrize("name", ["loss", "quality_drop"])
def test_a_gate_finds_a_metric_by_either_name(metrics, name, publish):
    """A gate and a version may be of different releases."""
    manifest = publish()
    variants = (replace(manifest.variants[0], metrics=metrics),)
    found = Gate(metric=name, floor=0.5)._quality(
        replace(manifest, variants=variants), None
    )
    assert found == [f"{name} 0.01 is under the floor 0.5"]


def test_a_rename_is_no_difference(publish):
    """Two versions with the same figures differ in no metric."""
    manifest = publish()
    old, new = (
        replace(manifest, variants=(replace(manifest.variants[0], metrics=metrics),))
        for metrics in (OLD, NEW)
    )
    assert diff(old, new) == {}
