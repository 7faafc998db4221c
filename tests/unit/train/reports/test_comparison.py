"""Candidates side by side: who is beaten, who is recommended, what the page says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry import Variant
from hotseat_train.errors import TrainError
from hotseat_train.reports.comparison import (
    Candidate,
    Limits,
    candidates,
    different_rows,
    recommend,
)
from hotseat_train.reports.comparison_page import page as report

figures = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))


def made(name, quality, milliseconds, megabytes, spread=0.0):
    """A candidate."""
    return Candidate(name, quality, quality - spread, quality + spread, milliseconds,
                     megabytes, "a CPU", {"accuracy": quality})  # fmt: skip


def test_of_those_that_are_alike_the_fastest_is_taken():
    """Within the best one's interval speed decides; a limit rules out."""
    slow, fast = made("slow", 0.90, 2, 2, 0.02), made("fast", 0.89, 1, 1, 0.02)
    worse = made("worse", 0.80, 0.5, 0.1, 0.02)
    found = [slow, fast, worse]
    assert recommend(found, Limits()) is fast
    assert recommend(found, Limits(max_mb=0.5)) is worse
    assert recommend(found, Limits(min_quality=0.9)) is slow
    assert recommend(found, Limits(max_ms=0.1)) is None


def measured(bundle, registry, *rows):
    """Publish a version for each (accuracy, milliseconds, bytes)."""
    for accuracy, milliseconds, size in rows:
        manifest, files = bundle()
        metrics = {"accuracy": accuracy, "interval": [accuracy, accuracy],
                   "milliseconds": milliseconds, "bytes": size}  # fmt: skip
        variant = Variant("fp32", "model.onnx", metrics)
        registry.publish(replace(manifest, variants=(variant,)), files, by="ada")


@given(st.lists(figures, min_size=1, max_size=6))
def test_the_front_is_what_no_other_beats(rows):
    """Held against the definition, pair by pair."""
    from hotseat_train.reports.comparison import beaten as is_beaten

    found = [made(str(i), *row) for i, row in enumerate(rows)]
    for item in found:
        beaten = any(
            other.quality >= item.quality
            and other.milliseconds <= item.milliseconds
            and other.megabytes <= item.megabytes
            and (other.quality, other.milliseconds, other.megabytes)
            != (item.quality, item.milliseconds, item.megabytes)
            for other in found
        )
        assert is_beaten(item, found) == beaten
    assert not all(is_beaten(item, found) for item in found)


def test_versions_are_compared_as_they_were_measured(bundle, registry):
    """All versions, or those that are named, with who is unbeaten."""
    measured(bundle, registry, (0.9, 1.0, 100), (0.8, 2.0, 200), (0.8, 0.5, 50))
    found = candidates(registry, "mood")
    assert [item.best for item in found] == [True, False, True]
    assert len(candidates(registry, "mood", [1])) == 1


def test_what_was_not_measured_is_not_compared(publish, registry):
    """A version without figures is no candidate."""
    publish()
    with pytest.raises(TrainError, match="no version with measured quality"):
        candidates(registry, "mood")


def test_the_page_holds_everything_and_trusts_no_name():
    """One file: nothing is fetched, and a name is text and no markup."""
    found = [made("<script>", 0.9, 1, 1), made("plain", 0.8, 2, 2)]
    page = report("a&b", found, found[0], Limits(max_ms=5))
    assert "<script>" not in page
    assert "a&amp;b" in page
    assert "data:image/svg+xml;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert "at most ms 5" in page


CURVES = {
    "confusion": [[8, 2], [1, 9]],
    "calibration_curve": [{"predicted": 0.2, "observed": 0.1, "rows": 10},
                          {"predicted": 0.8, "observed": 0.9, "rows": 10}],
    "roc": [[0, 0], [0.1, 0.9], [1, 1]],
    "precision_recall": [[0, 1], [1, 0.5]],
}  # fmt: skip


def test_the_page_draws_what_was_measured():
    """Learning, calibration, ROC, precision, robustness, cost, confusion, quality."""
    metrics = {"accuracy": 0.9, "calibration_error": 0.1, "roc_auc": 0.95,
               "roc_auc_interval": [0.9, 0.99],
               "corrupted": {"gaps": {"accuracy": 0.8}}}  # fmt: skip
    learned = tuple({"train_loss": 1 / n, "validation_loss": 1 / n} for n in (1, 2, 3))
    item = replace(made("mood@1 fp32", 0.9, 1, 1), metrics=metrics, curves=CURVES,
                   learning_curve=learned, labels=("no", "yes"))  # fmt: skip
    whole = report("mood", [item], item, Limits())
    assert whole.count("<img") == 8
    assert "0.9500" in whole
    assert "<td>0.800</td>" in whole
    bare = report("mood", [made("mood@1 fp32", 0.9, 1, 1)], None, Limits(max_ms=0.1))
    assert bare.count("<img") == 2  # quality and cost need no curves
    assert "None keeps to the limits" in bare


def test_a_million_answers_cost_what_amazon_asks():
    """By hand: requests and whole milliseconds by gigabytes; less memory is slower."""
    item = made("a", 0.9, 2.5, 1)
    assert item.dollars[1769] == pytest.approx(0.2 + 3e3 * 1769 / 1024 * 13.3334e-6)
    assert item.dollars[512] == pytest.approx(0.2 + 9e3 * 0.5 * 13.3334e-6)


def test_quality_is_what_is_asked_for(bundle, registry):
    """--by takes another metric with its own interval; one that is away is named."""
    manifest, files = bundle()
    metrics = {"accuracy": 0.8, "interval": [0.7, 0.9], "milliseconds": 1, "bytes": 9,
               "roc_auc": 0.9, "roc_auc_interval": [0.85, 0.95]}  # fmt: skip
    variant = Variant("fp32", "model.onnx", metrics)
    registry.publish(replace(manifest, variants=(variant,)), files, by="ada")
    (item,) = candidates(registry, "mood", by="roc_auc")
    assert (item.quality, item.low, item.high) == (0.9, 0.85, 0.95)
    with pytest.raises(TrainError, match="no version with measured recall"):
        candidates(registry, "mood", by="recall")


def test_versions_that_were_measured_on_other_rows_are_not_ranked_together():
    """A higher figure on easier rows is no better model: it is said, and left out."""
    old = replace(made("mood@1 fp32", 0.99, 1, 1), rows="a")
    new = replace(made("mood@2 fp32", 0.80, 1, 1), rows="b")
    assert recommend([old, new], Limits()) is new
    assert "mood@1 fp32: measured on other test rows" in different_rows([old, new])
    assert "other test rows" in report("mood", [old, new], new, Limits())
    assert not different_rows([replace(old, rows="b"), new])
