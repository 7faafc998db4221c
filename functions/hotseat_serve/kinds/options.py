"""The options of a request: temperature, seed, level, strict, explain ..."""

from collections.abc import Mapping
from typing import Any, Self

from hotseat_registry.dataclass import dataclass
from hotseat_serve.codec.elements import is_number
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem
from hotseat_serve.wording import expected, invalid, json_type, number

MAX_SEED = (1 << 53) - 1
"""The largest whole number that every JSON reader reads exactly."""
MAX_TOP_K = 1_000
"""Documents of one answer, at most."""
MAX_TEMPERATURE = 100.0
"""The temperature at which all possible results are almost equally likely."""


@dataclass(frozen=True, slots=True)
class Options:
    """The ``options`` of a request."""

    temperature: float | None = None
    """0 takes the best; 1 follows the probabilities; None: the signature's value."""
    seed: int | None = None
    """The same seed gives the same answer; None: a new one each time."""
    level: str | None = None
    """The name of one of the signature's strengths."""
    strict: bool = False
    """Whether a warning is an error."""
    operating_point: str | None = None
    """The name of one of the signature's operating points."""
    top_k: int | None = None
    """Documents of an answer, of a retrieval; None: the signature's number."""
    filter: Mapping[str, Any] | None = None
    """The fields that a retrieval's documents have to have."""
    min_score: float | None = None
    """The least cosine of a retrieval's documents."""
    explain: Any = None
    """How to explain the answer, an `ExplainOptions`; None: it is not explained."""

    @classmethod
    def read(cls, body: Any, warnings: Warnings | None = None) -> Self:
        """Read ``{"options": {...}}``; raises `Problem` with a pointer.

        `warnings` collects unknown options, for example of a newer client, and becomes
        strict by the option ``strict``. Without `warnings`, an unknown option is
        refused.
        """
        options = body.get("options") if isinstance(body, Mapping) else None
        beside = _beside_inputs(body)
        if options is None and beside is None:
            return cls()
        options = {} if options is None else options
        if not isinstance(options, Mapping):
            raise expected("an object", "/options", options)
        strict = options.get("strict")
        if strict is not None and not isinstance(strict, bool):
            raise expected("true or false", "/options/strict", strict)
        warnings = Warnings(strict=True) if warnings is None else warnings
        warnings.strict = warnings.strict or bool(strict)
        if unknown := options.keys() - set(cls.__slots__):
            warnings.unknown(unknown, cls.__slots__, "/options")
        temperature, seed = options.get("temperature"), options.get("seed")
        if temperature is not None and not (
            is_number(temperature) and 0 <= temperature <= MAX_TEMPERATURE
        ):
            most = f"a number from 0 to {MAX_TEMPERATURE:g}"
            raise _invalid_number(most, "temperature", temperature)
        if seed is not None and not (type(seed) is int and 0 <= seed <= MAX_SEED):
            raise _invalid_number(f"a whole number from 0 to {MAX_SEED}", "seed", seed)
        level, point = options.get("level"), options.get("operating_point")
        if level is not None and not isinstance(level, str):
            raise expected("a string", "/options/level", level)
        if point is not None and not isinstance(point, str):
            raise expected("a string", "/options/operating_point", point)
        found = _retrieval(options)
        explain = _explain(options.get("explain"), beside, warnings)
        return cls(temperature, seed, level, bool(strict), point, *found, explain)


def _retrieval(
    options: Mapping[str, Any],
) -> tuple[int | None, Mapping[str, Any] | None, float | None]:
    """Return the options of a retrieval; raises `Problem`."""
    top, wanted = options.get("top_k"), options.get("filter")
    least = options.get("min_score")
    if top is not None and not (type(top) is int and 1 <= top <= MAX_TOP_K):
        raise _invalid_number(f"a whole number from 1 to {MAX_TOP_K}", "top_k", top)
    if wanted is not None and not isinstance(wanted, Mapping):
        raise expected("an object", "/options/filter", wanted)
    if least is not None and not (is_number(least) and -1 <= least <= 1):
        raise _invalid_number("a number from -1 to 1", "min_score", least)
    return top, wanted, least


def _beside_inputs(body: Any) -> Any:
    """Return ``explain`` of a body that names its inputs, where it is no input's."""
    names = isinstance(body, Mapping) and not body.keys().isdisjoint(_INPUTS)
    return body.get("explain") if names else None


_INPUTS = {"input", "inputs", "instances"}


def _explain(value: Any, beside: Any, warnings: Warnings) -> Any:
    """Return how to explain the answer; None if neither place asks for it."""
    value, pointer = (beside, "/explain") if value is None else (value, _EXPLAIN)
    if value is None:
        return None
    from hotseat_serve.kinds.explain_options import ExplainOptions  # late: rare

    return ExplainOptions.read(value, pointer, warnings)


_EXPLAIN = "/options/explain"


def _invalid_number(what: str, name: str, value: Any) -> Problem:
    """Return the problem of an option of a wrong type or value."""
    got = number(value) if is_number(value) else json_type(value)
    pointer = f"/options/{name}"
    return invalid(f"expected {what} at {pointer}, got {got}", pointer)
