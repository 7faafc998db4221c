"""What an answer looks like, by the model's kind."""

from collections.abc import Callable, Mapping
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
from hotseat_serve import codec, rules
from hotseat_serve.ask import Ask

Kind = Callable[[Ask], list[dict[str, Any]]]


def classification(ask: Ask) -> list[dict[str, Any]]:
    """``scores`` [rows, labels] are the labels' probabilities."""
    labels, answers = ask.signature.labels, []
    for row in ask.run(ask.tensors())["scores"].tolist():
        best = max(range(len(row)), key=row.__getitem__)
        answers.append(
            {
                "label": labels[best],
                "probability": row[best],
                "scores": dict(zip(labels, row, strict=True)),
            }
        )
    return answers


def regression(ask: Ask) -> list[dict[str, Any]]:
    """``value`` [rows] or [rows, 1] is the answer."""
    values = ask.run(ask.tensors())["value"]
    return [{"value": value} for value in values.reshape(-1).tolist()]


def policy(ask: Ask) -> list[dict[str, Any]]:
    """See `hotseat_serve.policy`, which a function without one never imports."""
    from hotseat_serve import policy as kind

    return kind.policy(ask)


def generation(ask: Ask) -> list[dict[str, Any]]:
    """See `hotseat_serve.generation`, which a function without one never imports."""
    from hotseat_serve import generation as kind

    return kind.generation(ask)


KINDS: Mapping[str, Kind] = {
    "classification": classification,
    "regression": regression,
    "policy": policy,
    "generation": generation,
}


def check(manifest: Manifest) -> None:
    """Check that this service can serve the version; raises `IntegrityError`."""
    signature = manifest.signature
    forms = {item.form for item in signature.inputs}
    if unknown := forms - set(codec.FORMS):
        raise _update(manifest, "wants inputs as", min(unknown), codec.FORMS)
    if manifest.kind not in KINDS:
        raise _update(manifest, "is of kind", manifest.kind, KINDS)
    if signature.rules is not None and signature.rules not in rules.NAMES:
        raise _update(manifest, "goes by the rules of", signature.rules, rules.NAMES)
    if manifest.kind == "generation" and signature.generation is None:
        raise IntegrityError(
            f"{manifest.reference}: its signature does not say how to generate"
        )


def _update(manifest: Manifest, does: str, what: str, known: Any) -> IntegrityError:
    return IntegrityError(
        f"{manifest.reference} {does} {what!r}; "
        f"this service knows {', '.join(sorted(known))}: update it"
    )
