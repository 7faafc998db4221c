"""The kind generation: sample an item cell by cell, check it, return it."""

import math
import secrets
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from hotseat_registry.signature import Generation, Signature
from hotseat_serve import rules
from hotseat_serve.codec import game_json
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.inference_request import InferenceRequest
from hotseat_serve.kinds.options import MAX_SEED
from hotseat_serve.problems import Problem
from hotseat_serve.wording import place

_STEPS = 1024
"""Steps below the highest logit at which the weight becomes 0."""
_FINE = 64
"""Steps for one natural unit of a logit."""
_COLD = 1e-6
"""The temperature below which the best cell is taken, as at 0."""


def generation(request: InferenceRequest) -> list[dict[str, Any]]:
    """Generate one item for each row.

    The step model samples `Generation.batch` candidates at once. The answer is the
    first valid candidate within `Generation.near` of the wish, else the nearest of the
    first `Generation.choices` valid ones, with the rules' statistics. The draws are
    Philox's raw bits, and the logits are rounded before they become weights, so the
    same seed gives the same item if the logits agree to about one part in a million;
    golden rows with a seed check this.

    The rows share `RequestContext.generation_seconds`. When a row's time is over, its
    nearest item so far is the answer, with a warning, because the same seed may then
    give another item.

    Raises `Problem`: not_generated if no candidate passes, deadline_exceeded if the
    caller's time is over before.
    """
    plan = request.signature.generation
    assert plan is not None
    seed = request.options.seed
    if seed is None:
        seed = secrets.randbelow(MAX_SEED)
    answers = []
    clock, seconds = request.context.clock, request.context.generation_seconds
    end = math.inf if seconds is None else clock() + seconds * 1e9
    for row in range(len(request.inputs)):
        now = clock()
        part = now + (end - now) / (len(request.inputs) - row)
        answers.append(
            _generate_item(request, plan, row, candidates(request, row, seed), part)
        )
        answers[-1]["seed"] = seed
    return answers


def candidates(
    request: InferenceRequest, row: int, seed: int
) -> Iterator[tuple[str, ...]]:
    """Yield the candidates of an input, each as its rows, before any check.

    Raises `Problem`.
    """
    plan = request.signature.generation
    assert plan is not None
    row_input, pointer = request.inputs[row], request.pointers[row]
    wish = game_json.encode(
        _wishes(request.signature), [row_input], [pointer], request.context.warnings
    )
    generator = np.random.Philox(key=(seed << 64) | row)
    for _ in range(plan.batches):
        yield from _candidate_batch(request, plan, wish, generator)


def _wishes(signature: Signature) -> Signature:
    """Return the signature of the caller's inputs: all but the grid."""
    plan = signature.generation
    assert plan is not None
    inputs = tuple(item for item in signature.inputs if item.name != plan.grid)
    return Signature(inputs, signature.outputs, generation=plan)


def _generate_item(
    request: InferenceRequest,
    plan: Generation,
    row: int,
    samples: Iterator[tuple[str, ...]],
    end_time: float,
) -> dict[str, Any]:
    wishes = _wished_fields(request.signature, request.inputs[row])
    tried, passed, best, nearest = 0, 0, None, math.inf
    timed_out = False
    for rows in samples:
        tried += 1
        request.context.check_deadline()
        properties = _accepted(request, rows, wishes)
        if properties is not None:
            passed += 1
            item_distance = _distance(properties, wishes)
            if item_distance < nearest:
                best, nearest = {"item": list(rows), **properties}, item_distance
            if passed == plan.choices or nearest <= plan.near:
                break
        timed_out = request.context.clock() >= end_time
        if timed_out:
            break
    pointer = request.pointers[row]
    if best is None:
        within = (
            f" within {request.context.generation_seconds:g} seconds"
            if timed_out
            else ""
        )
        raise Problem(
            "not_generated",
            f"none of {tried} candidates passed the check{within}; ask with another "
            "seed, or request something easier",
            pointer,
        )
    if timed_out:
        request.context.warnings.add(
            "time_over",
            f"the time for the item{place(pointer)} was over after {tried} candidates: "
            "it is the nearest of them, and the same seed may give another",
            pointer,
        )
    return {**best, "tried": tried}


def _wished_fields(signature: Signature, row_input: Any) -> dict[str, Any]:
    """Return the caller's wishes: the fields that are not null.

    An unknown name has a warning and no effect.
    """
    if not isinstance(row_input, Mapping):
        return {}
    fields = [field for item in signature.inputs for field in item.fields or ()]
    return {
        field.name: row_input[field.name]
        for field in fields
        if row_input.get(field.name) is not None
    }


def _distance(properties: Mapping[str, Any], wishes: Mapping[str, Any]) -> float:
    """Return the distance of an item's numbers from the wished numbers."""
    return float(
        sum(
            abs(properties[name] - wishes[name])
            for name in wishes
            if name in properties
        )
    )


def _accepted(
    request: InferenceRequest, rows: tuple[str, ...], wishes: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    if request.signature.rules is None:
        return {}
    found = rules.check(request.signature.rules)(
        rows, wishes, lambda: request.context.expired
    )
    if found is None and request.context.on_refused is not None:
        request.context.on_refused(rows, wishes, lambda: request.context.expired)
    return found


def _candidate_batch(
    request: InferenceRequest,
    plan: Generation,
    wish: Mapping[str, Array],
    generator: "np.random.Philox",
) -> list[tuple[str, ...]]:
    """Return `plan.batch` candidates, each as its rows."""
    batch, cells = plan.batch, plan.height * plan.width
    grid = np.full((batch, plan.height, plan.width), -1, np.int64)
    filled = grid.reshape(batch, cells)
    order = np.arange(cells)
    if plan.by == "columns":
        order = order.reshape(plan.height, plan.width).T.reshape(-1)
    # one block of raw bits for each batch: [cells, batch] numbers in [0, 1)
    uniform = (generator.random_raw(cells * batch) >> np.uint64(11)) * 2.0**-53
    uniform = uniform.reshape(cells, batch)
    wishes = {name: np.repeat(array, batch, 0) for name, array in wish.items()}
    temperature = request.options.temperature
    temperature = plan.temperature if temperature is None else temperature
    output = request.signature.outputs[0].name
    for step, cell in enumerate(order):
        logits = request.run({plan.grid: grid, **wishes})[output]
        filled[:, cell] = _sample_cells(logits, temperature, uniform[step])
    alphabet = np.array(plan.alphabet)
    return [tuple("".join(line) for line in alphabet[item]) for item in grid]


def _sample_cells(logits: Array, temperature: float, uniform: Array) -> Array:
    """Draw a cell for each row by whole-number weights [rows, cells]."""
    if temperature < _COLD:
        return np.asarray(logits.argmax(1))
    with np.errstate(invalid="ignore"):
        steps = np.rint(logits.astype(np.float64) * (_FINE / temperature))
        highest = np.fmax.reduce(steps, 1, keepdims=True)
        below = np.fmin(highest - steps, _STEPS).astype(np.int64)  # NaN has no weight
    sums = _weights()[below].cumsum(1)
    aim = np.floor(uniform * sums[:, -1])
    cells_index = (sums <= aim[:, None]).sum(1)
    # Without any weight, the index would lie past the last cell.
    return np.asarray(np.minimum(cells_index, logits.shape[1] - 1))


@cache
def _weights() -> Array:
    """Return a weight for each step below the highest; the last is 0."""
    weights = [round(math.exp(-step / _FINE) * (1 << 24)) for step in range(_STEPS)]
    return np.array([*weights, 0], np.float64)
