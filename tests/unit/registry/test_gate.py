"""What a version must show before it may become live."""

from dataclasses import replace

import pytest

from hotseat_registry import Input, Reference, Variant
from hotseat_registry.errors import GateError
from hotseat_registry.gate import Gate


def measured(manifest, accuracy, *, spread=0.01, int8=None, **metrics):
    """The manifest with evidence."""
    metrics = {"accuracy": accuracy, "interval": [accuracy - spread, 1.0], **metrics}
    variants = [Variant("fp32", "model.onnx", metrics)]
    if int8 is not None:
        variants.append(Variant("int8", "model.onnx", {"accuracy": int8}))
    return replace(manifest, variants=tuple(variants))


@pytest.fixture
def manifest(publish):
    """A version to measure."""
    return publish()


@pytest.mark.parametrize(
    ("gate", "candidate", "live", "fault"),
    [
        (Gate(floor=0.8), {"accuracy": 0.8}, None, None),
        (Gate(floor=0.8), {"accuracy": 0.79}, None, "under the floor 0.8"),
        (Gate(floor=0.8), {"accuracy": float("nan")}, None, "under the floor"),
        (Gate(floor=0.8, metric="auc"), {"accuracy": 0.9}, None, "no auc was measured"),
        (Gate(margin=0.02), {"accuracy": 0.80}, {"accuracy": 0.81}, None),
        (Gate(margin=0.02), {"accuracy": 0.79}, {"accuracy": 0.83}, "may be as low"),
        (Gate(margin=0.02), {"accuracy": 0.81, "spread": 0.1}, {"accuracy": 0.81},
         "may be as low"),
        (Gate(margin=0.02), {"accuracy": 0.5}, None, None),
        (Gate(max_loss=0.005), {"accuracy": 0.8, "int8": 0.796}, None, None),
        (Gate(max_loss=0.005), {"accuracy": 0.8, "int8": 0.79}, None, "int8 lost 0.01"),
        (Gate(max_bytes=100), {"accuracy": 0.8}, None, "over 100"),
        (Gate(min_speed=1.5), {"accuracy": 0.8, "speed": 1.6}, None, None),
        (Gate(min_speed=1.5), {"accuracy": 0.8, "speed": 1.4}, None, "not 1.5"),
        (Gate(min_speed=1.5), {"accuracy": 0.8}, None, "not 1.5"),
        (Gate(max_cold_start_ms=300), {"accuracy": 0.8, "cold_start_ms": 300.0}, None,
         None),
        (Gate(max_cold_start_ms=300), {"accuracy": 0.8, "cold_start_ms": 300.5}, None,
         "takes 300.5 ms, over 300"),
        (Gate(max_cold_start_ms=300), {"accuracy": 0.8}, None, "no cold start was"),
    ],
)  # fmt: skip
def test_each_limit_is_held(manifest, gate, candidate, live, fault):
    """A version passes at the limit and is refused beyond it, by name."""
    version = measured(manifest, **candidate)
    before = measured(manifest, **live) if live else None
    if fault is None:
        gate.check(version, before)
    else:
        with pytest.raises(GateError, match=fault):
            gate.check(version, before)


def test_all_faults_are_told_at_once(manifest):
    """Whoever is refused learns everything that is wrong."""
    gate = Gate(floor=0.9, max_bytes=1, min_speed=2)
    with pytest.raises(GateError, match=r"under the floor.*bytes.*times as fast"):
        gate.check(measured(manifest, 0.8), None)


def further(manifest):
    """The signature with one more input."""
    inputs = (*manifest.signature.inputs, Input("level", "FP32", (-1,), "tensor"))
    return replace(manifest, signature=replace(manifest.signature, inputs=inputs))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: replace(m, card="# better"), None),
        (lambda m: replace(m, signature=replace(m.signature, labels=("a", "b"))),
         "its labels"),
        (lambda m: replace(m, signature=replace(m.signature, inputs=())),
         "no input 'text'"),
        (lambda m: replace(m, signature=replace(m.signature, outputs=())),
         "no output 'scores'"),
        (lambda m: replace(m, kind="regression"), "its kind"),
        (further, "further input 'level'"),
    ],
)  # fmt: skip
def test_whoever_asks_what_is_live_can_ask_the_next(manifest, change, fault):
    """A signature that would break the games that ask now is refused."""
    if fault is None:
        Gate().check(change(manifest), manifest)
    else:
        with pytest.raises(GateError, match=fault):
            Gate().check(change(manifest), manifest)
        Gate(compatible=False).check(change(manifest), manifest)


def test_a_gate_that_is_none_is_refused():
    """An unknown key or a limit that is no number is named."""
    with pytest.raises(GateError, match="no 'flor'"):
        Gate.from_json({"flor": 0.8})
    with pytest.raises(GateError, match="floor is a number"):
        Gate.from_json({"floor": "high"})


def test_live_is_guarded_and_the_override_is_kept(registry, bundle):
    """Only live asks the gate; passing it over leaves the reason in the ledger."""
    manifest, files = bundle()
    registry.publish(measured(manifest, 0.7), files, by="ada")
    one = Reference("mood", version=1)
    registry.set_gate("mood", Gate(floor=0.8), by="ada", because="season 3")
    registry.promote(one, "canary", by="ada")
    with pytest.raises(GateError, match=r"mood@1 does not pass the gate.*--override"):
        registry.promote(one, by="ada")
    assert registry.aliases("mood") == {"canary": 1}
    registry.promote(one, by="ada", override="the launch is tonight")
    last = registry.ledger.history("mood")[-1]
    assert (last.override, last.aliases["live"]) == ("the launch is tonight", 1)
    assert registry.gate("mood") == Gate(floor=0.8)


def behaved(caught, hit, cases="one"):
    """Metrics of behaviour tests of one category."""
    by = {"threat, en": {"caught": caught, "innocent_hit": hit, "cases": 40}}
    return {"behaviour": {"cases_sha256": cases, "by": by}}


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        (behaved(0.9, 0.0), None),
        (behaved(0.85, 0.05), None),  # at the limit
        (behaved(0.8, 0.0), "threat, en: 0.8 of harmful cases caught, before 0.9"),
        (behaved(0.9, 0.1), "threat, en: 0.1 of innocent cases hit, before 0.0"),
        (behaved(0.9, 0.0, "two"), "not the ones"),
        ({}, "were not run"),
    ],
)
def test_no_category_of_behaviour_tests_gets_worse(manifest, now, fault):
    """Neither by missing harm, nor by hitting what is innocent."""
    live = measured(manifest, 0.8, **behaved(0.9, 0.0))
    version = measured(manifest, 0.8, **now)
    if fault is None:
        Gate().check(version, live)
    else:
        with pytest.raises(GateError, match=fault):
            Gate().check(version, live)
    Gate().check(version, measured(manifest, 0.8))  # live has no such tests


def test_a_looser_limit_is_the_gates(manifest):
    """Whoever accepts a drop says how much."""
    live = measured(manifest, 0.8, **behaved(0.9, 0.0))
    Gate(max_behaviour_drop=0.2).check(
        measured(manifest, 0.8, **behaved(0.75, 0.1)), live
    )


def test_behaviour_tests_are_compared_without_a_gate(registry, bundle):
    """A model for which nobody set a gate does not get worse without a word."""
    manifest, files = bundle()
    for caught in (0.9, 0.5):
        registry.publish(
            measured(manifest, 0.8, **behaved(caught, 0.0)), files, by="ada"
        )
    registry.promote(Reference("mood", version=1), by="ada")
    with pytest.raises(GateError, match="threat, en"):
        registry.promote(Reference("mood", version=2), by="ada")
    registry.promote(Reference("mood", version=2), by="ada", override="checked by hand")
