"""Answers of each kind of model on the device, in the service's JSON form.

A level with a search through the game's rules checks two plies on the device, and
follows the network among the remaining actions. This equals the service's `hard`, the
strongest level on a device.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import numpy as np

from hotseat._device import decisions, long_texts, outputs
from hotseat._device.boards import TACTICAL_SHORTCUTS
from hotseat._device.codec import MAX_ROWS, Json, check_rows, encode
from hotseat._device.elements import Array
from hotseat._device.warnings import Warnings
from hotseat._device.wording import (
    bad,
    expected,
    is_number,
    json_type,
    listed,
    number,
    place,
    quoted,
)
from hotseat.errors import StatusError

MAX_SEED = (1 << 53) - 1
MAX_TEMPERATURE = 100
_OPTIONS = (
    "temperature", "seed", "level", "strict", "operating_point",
    # of pipelines, which no device runs
    "top_k", "filter", "min_score", "explain",
)  # fmt: skip

Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]


@dataclass(frozen=True, slots=True)
class Request:
    """Inputs of one request, with their JSON pointers."""

    inputs: Sequence[Any]
    pointers: Sequence[str]
    options: Json
    warnings: Warnings = field(default_factory=Warnings)
    """Collects possible mistakes in the inputs."""
    files: Json = field(default_factory=dict)
    """The opened tokenizers, by the names of their files."""

    def tensors(self, signature: Json) -> dict[str, Array]:
        """Return the inputs as tensors; raises `BadInputError`, `TooLargeError`."""
        return encode(signature, self.inputs, self.pointers, self.warnings, self.files)


def answer(
    kind: str, signature: Json, run: Run, request: Request
) -> list[dict[str, Any]]:
    """Return an answer for each input; raises `BadInputError`, `TooLargeError`."""
    _check_options(request.options, request.warnings)
    check_rows(signature, len(request.inputs))
    decision = signature.get("decision")
    point = decisions.operating_point(decision, request.options.get("operating_point"))
    if decision is None or point is None:
        answers = _whole(kind, signature, run, request)
    else:
        earlier = decisions.separated(decision, request.inputs, request.pointers)
        judged: list[dict[str, Any]] = []
        if earlier is not None:
            request = replace(request, inputs=earlier.inputs)
            rows = signature.get("max_rows") or MAX_ROWS
            for at in range(0, len(earlier.lines), rows):
                some = earlier.lines[at : at + rows]
                places = earlier.pointers[at : at + rows]
                part = replace(request, inputs=some, pointers=places)
                judged += _whole(kind, signature, run, part)
        answers = _whole(kind, signature, run, request)
        texts = long_texts.texts_of(signature, request.inputs)
        answers = decisions.decided(decision, point, texts, answers, earlier, judged)
    _without_nan(answers, request)
    return answers


def _whole(
    kind: str, signature: Json, run: Run, request: Request
) -> list[dict[str, Any]]:
    """Return answers; of a text that is judged in parts, the worst part's."""
    item = long_texts.rule(signature)
    if item is None:
        return _answers(kind, signature, run, request)
    return _answers_to_texts(kind, signature, run, request, item)


def _answers_to_texts(
    kind: str, signature: Json, run: Run, request: Request, item: Json
) -> list[dict[str, Any]]:
    """Return answers if texts may be longer than the signature's limit."""
    expanded = long_texts.expand(
        item, request.inputs, request.pointers, request.warnings
    )
    if expanded is None:
        return _answers(kind, signature, run, request)
    answers: list[dict[str, Any]] = []
    rows = signature.get("max_rows") or MAX_ROWS
    for at in range(0, len(expanded.inputs), rows):
        some = expanded.inputs[at : at + rows]
        places = expanded.pointers[at : at + rows]
        part = replace(request, inputs=some, pointers=places)
        answers += _answers(kind, signature, run, part)
    return long_texts.fold(signature, expanded, answers)


def _answers(
    kind: str, signature: Json, run: Run, request: Request
) -> list[dict[str, Any]]:
    if len(request.inputs) > 1 and _takes_one(signature):
        check_rows(signature, len(request.inputs))
        return [
            one
            for given, at in zip(request.inputs, request.pointers, strict=True)
            for one in _answers(
                kind, signature, run, replace(request, inputs=[given], pointers=[at])
            )
        ]
    if kind == "policy":
        heat = _temperature(signature, request.options)
        tensors = request.tensors(signature)
        proven = _glanced(signature, tensors, run(tensors), request.options)
        return _policy(signature, proven, request, heat)
    tensors = request.tensors(signature)
    return outputs.answers(kind, signature, tensors, run(tensors), len(request.inputs))


def _takes_one(signature: Json) -> bool:
    """Whether the graph takes one input at a time: its batch is fixed at 1."""
    return any(
        item["form"] == "array" or list(item["shape"][:1]) == [1]
        for item in signature["inputs"]
    )


def _glanced(
    signature: Json,
    tensors: Mapping[str, Array],
    outputs: Mapping[str, Array],
    options: Json,
) -> Mapping[str, Array]:
    """Return the outputs after a check of two plies, if the level has a search."""
    level = (signature.get("levels") or {}).get(options.get("level")) or {}
    glance = TACTICAL_SHORTCUTS.get(signature.get("rules") or "")
    if not level.get("simulations") or glance is None:
        return outputs
    board = next(one["name"] for one in signature["inputs"] if one["form"] == "board")
    policy = outputs["policy"].astype(np.float64)
    value = outputs["value"].reshape(-1).astype(np.float64)
    for row, planes in enumerate(tensors[board]):
        actions, proven = glance(planes)
        looked = np.zeros_like(policy[row])
        looked[actions] = np.maximum(policy[row, actions], 1e-6)
        if proven is not None:  # all candidates have this value
            looked[actions], value[row] = 1.0, proven
        policy[row] = looked
    return {**outputs, "policy": policy, "value": value}


def _policy(
    signature: Json, outputs: Mapping[str, Array], request: Request, heat: float
) -> list[dict[str, Any]]:
    chances = outputs["policy"].astype(np.float64)
    if "legal" in outputs:
        chances = np.where(outputs["legal"] > 0, chances, 0.0)
    values = outputs.get("value")
    seed = request.options.get("seed")
    if seed is None and heat > 0:
        seed = secrets.randbelow(MAX_SEED)
    names = signature.get("labels") or tuple(map(str, range(chances.shape[1])))
    answers = []
    for row, chance in enumerate(chances):
        legal = _legal(chance, request.inputs[row], names, request.pointers[row])
        place = _chosen(legal, heat, seed, row)
        fields: dict[str, Any] = {
            "action": names[place],
            "probability": float(legal[place]),
            "actions": {n: p for n, p in zip(names, legal.tolist(), strict=True) if p},
        }
        if values is not None:
            fields["value"] = float(values.reshape(-1).astype(np.float64)[row])
        if heat > 0:
            fields["seed"] = seed
        answers.append(fields)
    return answers


def _legal(chances: Array, given: Any, names: Sequence[str], pointer: str) -> Array:
    """Return the probabilities of the legal actions; they sum to 1."""
    mask = chances > 0
    allowed = given.get("legal") if isinstance(given, Mapping) else None
    if allowed is not None:
        mask = _listed(allowed, names, f"{pointer}/legal")
    legal = np.where(mask, chances, 0.0)
    total = legal.sum()
    if not total > 0:
        legal, total = mask.astype(np.float64), mask.sum()
    if not total:
        raise bad("no action is legal here", pointer)
    return np.asarray(legal / total)


def _listed(given: Any, names: Sequence[str], pointer: str) -> Array:
    if not isinstance(given, list):
        raise expected("a list of actions", pointer, given)
    mask = np.zeros(len(names), bool)
    for at, action in enumerate(given):
        name = str(action) if type(action) is int else action
        if name not in names:
            got = quoted(name) if isinstance(name, str) else json_type(name)
            where = f"{pointer}/{at}"
            raise bad(f"expected one of the actions at {where}, got {got}", where)
        mask[names.index(name)] = True
    return mask


def _chosen(legal: Array, heat: float, seed: int | None, row: int) -> int:
    """Return the index of the action: the best, or one drawn with the seed."""
    if not heat > 0:
        return int(legal.argmax())
    assert seed is not None
    places = np.flatnonzero(legal)
    logits = np.log(legal[places]) / heat
    weights = np.exp(logits - logits.max())
    draw = np.random.Philox(key=(seed << 64) | row).random_raw() / 2.0**64
    at = int(np.searchsorted(weights.cumsum(), draw * weights.sum(), "right"))
    return int(places[min(at, len(places) - 1)])


def _temperature(signature: Json, options: Json) -> float:
    levels, name = signature.get("levels") or {}, options.get("level")
    if name is not None and name not in levels:
        known = (
            f"the levels are {listed(list(levels))}" if levels else "the model has none"
        )
        raise bad(f"no level {quoted(name)}; {known}", "/options/level")
    heat = options.get("temperature")
    if heat is None and name is not None:
        heat = levels[name].get("temperature")
    return float(heat or 0.0)


def _check_options(options: Json, warnings: Warnings) -> None:
    strict = options.get("strict")
    if strict is not None and not isinstance(strict, bool):
        raise expected("true or false", "/options/strict", strict)
    warnings.strict = warnings.strict or bool(strict)
    if unknown := options.keys() - set(_OPTIONS):
        warnings.unknown(unknown, _OPTIONS, "/options")
    heat, seed = options.get("temperature"), options.get("seed")
    if heat is not None and not (is_number(heat) and 0 <= heat <= MAX_TEMPERATURE):
        raise _unfit(f"a number from 0 to {MAX_TEMPERATURE}", "temperature", heat)
    if seed is not None and not (type(seed) is int and 0 <= seed <= MAX_SEED):
        raise _unfit(f"a whole number from 0 to {MAX_SEED}", "seed", seed)
    level = options.get("level")
    if level is not None and not isinstance(level, str):
        raise expected("a string", "/options/level", level)
    point = options.get("operating_point")
    if point is not None and not isinstance(point, str):
        raise expected("a string", "/options/operating_point", point)


def _unfit(what: str, name: str, value: Any) -> StatusError:
    got = number(value) if is_number(value) else json_type(value)
    pointer = f"/options/{name}"
    return bad(f"expected {what} at {pointer}, got {got}", pointer)


def _without_nan(answers: Sequence[dict[str, Any]], request: Request) -> None:
    """Replace numbers that are not finite by None: JSON has no such numbers."""
    for fields, pointer in zip(answers, request.pointers, strict=False):
        cleaned = {name: _cleaned(value) for name, value in fields.items()}
        names = [name for name, value in fields.items() if cleaned[name] != value]
        if names:
            fields.update(cleaned)
            request.warnings.add(
                "not_finite",
                f"the model answers a number that is not finite to the input"
                f"{place(pointer)}: null stands for it in {', '.join(names)}",
                pointer,
            )


def _cleaned(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    return value
