"""The conditions that a version must meet before it becomes live; data, not code."""

from dataclasses import fields

from hotseat_registry import behaviour
from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import GateError
from hotseat_registry.json_dataclass import JsonDataclass
from hotseat_registry.manifest import Manifest, Variant
from hotseat_registry.signature import Input


@dataclass(frozen=True, slots=True)
class Gate(JsonDataclass):
    """Limits on a version's measurements; a limit of None is not checked.

    Quality is `metric` of the variant that serves, with its 95 % interval.
    """

    metric: str = "accuracy"
    floor: float | None = None
    """The least quality."""
    margin: float | None = None
    """How far the lower end of the interval may lie below what is live."""
    max_loss: float | None = None
    """How much quality any variant may lose against the first."""
    max_bytes: int | None = None
    """Of the variant that serves."""
    min_speed: float | None = None
    """Of the variant that serves, as a multiple of the first one's."""
    max_cold_start_ms: float | None = None
    """Of the variant that serves: milliseconds from the start of a process to its first
    answer, as measured before publishing."""
    max_behaviour_drop: float | None = None
    """How much less of a category's harmful cases may be caught than by what is live,
    and how much more of its innocent cases may be hit, as shares; None: 0.05."""
    compatible: bool = True
    """Whoever asks what is live must be able to ask this."""

    def __post_init__(self) -> None:
        """Check the limits; raises `GateError`."""
        if self.extra:
            known = ", ".join(f.name for f in fields(self) if f.name != "extra")
            raise GateError(f"a gate has no {min(self.extra)!r}; it has {known}")
        for name in ("floor", "margin", "max_loss", "max_bytes", "min_speed",
                     "max_cold_start_ms", "max_behaviour_drop"):  # fmt: skip
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float)
            ):
                raise GateError(f"a gate's {name} is a number, not {value!r}")

    def check(self, manifest: Manifest, live: Manifest | None) -> None:
        """Raise `GateError` with every rule that `manifest` breaks."""
        faults = [*self._quality(manifest, live), *self._serving(manifest)]
        if live is not None:
            faults += self._behaviour(manifest, live)
        if self.compatible and live is not None:
            faults += incompatible(manifest, live)
        if faults:
            raise GateError(
                f"{manifest.reference} does not pass the gate: {'; '.join(faults)}. "
                'To promote it all the same: --override "reason"'
            )

    def _quality(self, manifest: Manifest, live: Manifest | None) -> list[str]:
        faults = []
        serving = manifest.variant(manifest.default_variant)
        value = _measured(serving, self.metric)
        wanted = {self.floor, self.margin, self.max_loss} != {None}
        if wanted and value is None:
            return [f"no {self.metric} was measured of {serving.name}"]
        if self.floor is not None and not (value or 0) >= self.floor:
            faults.append(f"{self.metric} {value} is under the floor {self.floor}")
        if self.margin is not None and live is not None:
            before = _measured(live.variant(live.default_variant), self.metric)
            low = _low(serving)
            if before is None or low is None:
                faults.append(f"{self.metric} has no interval to compare with live")
            elif not low >= before - self.margin:
                faults.append(
                    f"{self.metric} may be as low as {low}, more than {self.margin} "
                    f"under {before} of {live.reference}, which is live"
                )
        if self.max_loss is not None:
            faults += self._losses(manifest.variants)
        return faults

    def _behaviour(self, manifest: Manifest, live: Manifest) -> list[str]:
        limit = self.max_behaviour_drop
        return behaviour.worse(
            manifest.variant(manifest.default_variant).metrics,
            live.variant(live.default_variant).metrics,
            behaviour.MAX_DROP if limit is None else limit,
        )

    def _losses(self, variants: tuple[Variant, ...]) -> list[str]:
        allowed = self.max_loss or 0
        first = _measured(variants[0], self.metric)
        faults = []
        for variant in variants[1:]:
            value = _measured(variant, self.metric)
            if first is None or value is None:
                faults.append(f"no {self.metric} was measured of {variant.name}")
            elif not first - value <= allowed:
                faults.append(
                    f"{variant.name} lost {first - value:.4g} {self.metric} against "
                    f"{variants[0].name}, more than {self.max_loss}"
                )
        return faults

    def _serving(self, manifest: Manifest) -> list[str]:
        faults = []
        serving = manifest.variant(manifest.default_variant)
        size = sum(manifest.files[name].size for name in serving.files)
        if self.max_bytes is not None and size > self.max_bytes:
            faults.append(f"{serving.name} has {size} bytes, over {self.max_bytes}")
        if self.max_cold_start_ms is not None:
            took = _measured(serving, "cold_start_ms")
            if took is None:
                faults.append(f"no cold start was measured of {serving.name}")
            elif not took <= self.max_cold_start_ms:
                faults.append(
                    f"a cold start of {serving.name} takes {took:g} ms, over "
                    f"{self.max_cold_start_ms:g}"
                )
        if self.min_speed is not None:
            speed = _measured(serving, "speed")
            if speed is None or not speed >= self.min_speed:
                faults.append(
                    f"{serving.name} is {speed} times as fast as "
                    f"{manifest.variants[0].name}, not {self.min_speed}"
                )
        return faults


def _measured(variant: Variant, metric: str) -> float | None:
    """Return the measurements of a variant that are numbers."""
    from hotseat_registry import metric_names

    found = metric_names.find(variant.metrics, metric)
    return found if type(found) in {int, float} else None


def _low(variant: Variant) -> float | None:
    """Return the lower end of the interval of a variant's quality."""
    found = variant.metrics.get("interval")
    low = found[0] if isinstance(found, list | tuple) and found else None
    return low if type(low) in {int, float} else None


def incompatible(manifest: Manifest, live: Manifest) -> list[str]:
    """Return why callers of `live` could not call `manifest`, one reason each."""
    new, old = manifest.signature, live.signature
    faults = []
    if manifest.kind != live.kind:
        faults.append(f"its kind is {manifest.kind}, live is {live.kind}")
    if set(old.labels) != set(new.labels):
        faults.append(f"its labels are {list(new.labels)}, live has {list(old.labels)}")
    inputs = {item.name: item for item in new.inputs}
    for item in old.inputs:
        if item.name not in inputs:
            faults.append(f"it has no input {item.name!r}")
        elif _shape(inputs[item.name]) != _shape(item):
            faults.append(f"its input {item.name!r} is of another type or shape")
    further = sorted(set(inputs) - {item.name for item in old.inputs})
    faults += [f"it demands a further input {name!r}" for name in further]
    outputs = {item.name for item in new.outputs}
    gone = sorted({item.name for item in old.outputs} - outputs)
    faults += [f"it has no output {name!r}" for name in gone]
    steps = {step.name for step in manifest.steps or ()}
    return faults + [
        f"its answer has no step {step.name!r}"
        for step in live.steps or ()
        if step.name not in steps
    ]


def _shape(item: Input) -> tuple[object, ...]:
    """Return what callers must send: type, shape, features without a default."""
    needed = {f.name for f in item.fields or () if f.default is None}
    return item.datatype, item.shape, item.form, frozenset(needed)
