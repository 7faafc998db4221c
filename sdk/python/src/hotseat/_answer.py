"""Parser of responses. Strict: they may come from a server between client and service.

A response of another server (a captive portal's page, half a catalogue) is a
`TransportError`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hotseat._transport import Response
from hotseat._types import InputWarning, Model, Prediction
from hotseat.errors import HotseatError, TransportError, class_of

# a gateway's response has no `retryable` field, only its status
_PASSING = {429, 502, 503, 504}
_ANSWERS = (
    "label", "labels", "value", "embedding", "action", "item", "outputs", "matches",
    "steps",
)  # fmt: skip
"""The fields of which an answer has at least one, depending on the model's kind."""
_TEXT, _NUMBER, _LIST = (str, type(None)), (int, float, type(None)), (list, type(None))
_KINDS: Mapping[str, tuple[type, ...]] = {
    "label": _TEXT, "probability": _NUMBER, "scores": (dict, type(None)),
    "action": _TEXT, "actions": (dict, type(None)), "item": _LIST, "labels": _LIST,
    "embedding": _LIST, "outputs": (dict, type(None)), "parts": _LIST, "model": _TEXT,
    "seed": (int, type(None)), "version": (int, type(None)), "variant": _TEXT,
    "request_id": _TEXT, "category": _TEXT, "categories": (dict, type(None)),
    "decision": (dict, type(None)), "player": (dict, type(None)), "matches": _LIST,
    "severity": (int, type(None)),
}  # fmt: skip
"""The types of an answer's fields, each of which may be missing."""


def read(response: Response) -> dict[str, Any]:
    """Return the answer's JSON object; raises `StatusError`, `TransportError`."""
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        body = None
    if 200 <= response.status < 300:
        if not isinstance(body, dict):
            raise _strange("is no JSON object")
        return body
    problem = body if isinstance(body, dict) else {}
    # the service and its gateway explain themselves in JSON
    is_foreign = body is not problem and 0 < response.status < 500
    headers = response.headers
    detail = problem.get("detail") or problem.get("message")  # API Gateway's own field
    if not detail and 300 <= response.status < 400:
        detail = f"it redirects to {headers.get('location')}: give that as base URL"
    retryable = problem.get("retryable")
    if not isinstance(retryable, bool):
        retryable = response.status in _PASSING
    pointer = problem.get("pointer")
    raise class_of(response.status)(
        str(detail or "the service gave no reason"),
        status=response.status,
        code=str(problem.get("code") or ""),
        retryable=retryable,
        request_id=str(problem.get("request_id") or response.request_id),
        pointer=pointer if isinstance(pointer, str) else None,
        retry_after=_seconds(headers.get("retry-after", "")),
        is_foreign=is_foreign,
    )


def prediction(answer: Mapping[str, Any], latency: float) -> Prediction:
    """Return the prediction of an answer; raises `TransportError`."""
    for name, kinds in _KINDS.items():
        if not isinstance(answer.get(name), kinds):
            raise _strange(f"has a {name} of the wrong type")
    warnings, judged = warnings_of(answer.get("warnings")), answer.get("judged_part")
    empty = all(answer.get(key) is None for key in _ANSWERS)
    # a number that is not finite is null in JSON, with a warning
    if empty and not {"not_finite", "more_warnings"} & {one.code for one in warnings}:
        raise _strange("holds no prediction")
    return Prediction(
        label=answer.get("label"),
        probability=answer.get("probability"),
        scores=answer.get("scores") or {},
        value=answer.get("value"),
        action=answer.get("action"),
        actions=answer.get("actions") or {},
        item=None if answer.get("item") is None else tuple(answer["item"]),
        labels=None if answer.get("labels") is None else tuple(answer["labels"]),
        embedding=(
            None if answer.get("embedding") is None else tuple(answer["embedding"])
        ),
        outputs=answer.get("outputs") or {},
        matches=tuple(answer.get("matches") or ()),
        seed=answer.get("seed"),
        parts=tuple(answer.get("parts") or ()),
        judged_part=judged if isinstance(judged, Mapping) else None,
        category=answer.get("category"),
        severity=answer.get("severity"),
        categories=answer.get("categories") or {},
        decision=answer.get("decision"),
        player=answer.get("player"),
        model=answer.get("model"),
        version=answer.get("version"),
        variant=answer.get("variant"),
        request_id=answer.get("request_id"),
        latency=latency,
        cold=answer.get("cold") is True,
        warnings=warnings,
        raw=answer,
    )


def stand_in(
    default: Any, latency: float = 0.0, error: HotseatError | None = None
) -> Prediction:
    """Return a prediction that holds a default.

    A text becomes label and action, a whole number the action, rows of text the item,
    and every default the value; a `Prediction` is used as it is. `error` is why no
    model answered.
    """
    if isinstance(default, Prediction):
        answer = default
    else:
        text = default if isinstance(default, str) else None
        action = str(default) if type(default) is int else text
        item = tuple(default) if isinstance(default, list | tuple) else None
        answer = Prediction(label=text, action=action, item=item, value=default)
    reason = None if error is None else f"{type(error).__name__}: {error}"
    return replace(
        answer, latency=latency, is_default=True, source="default", reason=reason
    )


def predictions(
    answer: Mapping[str, Any], count: int, latency: float
) -> list[Prediction]:
    """Return the `count` predictions of an answer; raises `TransportError`."""
    items = _items(answer, "predictions")
    if len(items) != count:
        raise _strange(f"holds {len(items)} predictions for {count} inputs")
    source = {key: value for key, value in answer.items() if key != "predictions"}
    warnings = source.pop("warnings", None)
    return [
        prediction(
            {**source, **item, **warnings_of_row(warnings, f"/inputs/{row}")}, latency
        )
        for row, item in enumerate(items)
    ]


def warnings_of_row(warnings: Any, pointer: str) -> dict[str, Any]:
    """Return the warnings of the input at `pointer`, and of the whole request.

    The result has the key ``warnings`` if there are any.
    """
    own = []
    for one in warnings if isinstance(warnings, list) else ():
        place = str(one.get("pointer")) if isinstance(one, Mapping) else ""
        of_another = place.startswith("/inputs/")
        if not of_another or place == pointer or place.startswith(f"{pointer}/"):
            own.append(one)
    return {"warnings": own} if own else {}


def warnings_of(warnings: Any) -> tuple[InputWarning, ...]:
    """Return the warnings of an answer without malformed ones."""
    return tuple(
        InputWarning(
            code=str(one["code"]),
            detail=str(one.get("detail") or ""),
            pointer=str(one.get("pointer") or ""),
            suggestion=one.get("suggestion"),
        )
        for one in (warnings if isinstance(warnings, list) else ())
        if isinstance(one, Mapping) and "code" in one
    )


def models(answer: Mapping[str, Any]) -> list[Model]:
    """Return the models of a catalogue; raises `TransportError`."""
    return [model(item) for item in _items(answer, "models")]


def model(item: Mapping[str, Any]) -> Model:
    """Return one model; raises `TransportError`."""
    try:
        return Model(
            name=item["name"],
            kind=item["kind"],
            version=item["version"],
            versions=tuple(item.get("versions") or ()),
            aliases=item.get("aliases") or {},
            raw=item,
        )
    except (KeyError, TypeError):
        raise _strange("does not describe a model") from None


def _items(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    items = answer.get(name)
    if isinstance(items, list) and all(isinstance(item, dict) for item in items):
        return items
    raise _strange(f"has no list of {name}")


def _strange(what: str) -> TransportError:
    return TransportError(f"the answer {what}: is this a Hotseat service?")


def _seconds(text: str) -> float | None:
    """Read a Retry-After in seconds; ignores dates, as a device's clock may be off."""
    return float(text) if text.isascii() and text.isdigit() else None
