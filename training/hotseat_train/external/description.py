"""Infers a graph's kind and signature; flags supply what the graph does not show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hotseat_registry.signature import Output, Signature
from hotseat_serve.runtime.probe import ROLES
from hotseat_serve.runtime.session import Session
from hotseat_train.external.errors import UnclearError
from hotseat_train.external.inputs import inputs_of
from hotseat_train.external.overrides import Overrides
from hotseat_train.external.source import Source

_VECTORS = {
    "sentence_embedding", "embedding", "embeddings", "pooler_output", "text_embeds",
    "image_embeds", "last_hidden_state",
}  # fmt: skip
"""Names that exporters give to outputs with embeddings."""
_FLOATS = {"FP16", "FP32", "FP64"}
_LABELLED = {"classification", "multilabel"}
_BEYOND = 1e-3
"""Tolerance of a probability's range 0..1: a forest's sums have rounding errors."""
_SUM = 0.02
"""Tolerance of the sum of a row's probabilities: half floats have rounding errors."""


@dataclass(frozen=True, slots=True)
class Description:
    """A graph's kind and signature, with notes on how they were inferred."""

    kind: str
    signature: Signature
    notes: tuple[str, ...] = ()
    """Inferences that a user may want to correct."""


def describe(
    session: Session,
    source: Source,
    overrides: Overrides,
    maps: Mapping[str, tuple[str, ...]],
) -> Description:
    """Return the graph's description; `maps` has the labels of outputs that were maps.

    `with_activation` decides later, from answers, whether scores are probabilities.
    Raises `UnclearError`, which names the missing flag.
    """
    _check_names(session, overrides)
    notes: list[str] = []
    inputs = inputs_of(session, source, overrides, notes)
    labels = _labels(source, overrides, maps)
    kind = _kind(session, source, overrides, labels)
    role = ROLES.get(kind)
    chosen = overrides.roles.get(role) or _chosen(role, session, maps) if role else None
    if kind in _LABELLED:
        labels = _checked_labels(session, str(chosen), labels, kind)
    outputs = tuple(
        _output(
            session, name, role if name == chosen else None, source, overrides, notes
        )
        for name in session.output_types
    )
    if overrides.kind is None:
        reason = f"inferred from the output {chosen!r}" if chosen else "named tensors"
        notes.append(f"kind {kind}: {reason}; --kind overrides it")
    signature = Signature(
        inputs=inputs,
        outputs=outputs,
        labels=labels if kind in {*_LABELLED, "policy"} else (),
        threshold=overrides.threshold if kind == "multilabel" else None,
        non_finite=overrides.missing or None,
    )
    return Description(kind, signature, tuple(notes))


def _output(
    session: Session,
    name: str,
    role: str | None,
    source: Source,
    overrides: Overrides,
    notes: list[str],
) -> Output:
    """Return an output with its role and, for embeddings, its pooling."""
    datatype, shape = session.output_types[name]
    if role is None:
        role = next((r for r, named in overrides.roles.items() if named == name), None)
    output = Output(name, datatype, shape, role=None if role == name else role)
    if role != "embedding":
        return output
    pooling = overrides.pooling
    if pooling is None and len(shape) == 3:
        first = source.pooling.get("pooling_mode_cls_token")
        pooling = "first" if first else "mean"
        notes.append(f"vectors of tokens are pooled: {pooling}; --pooling overrides it")
    return replace(output, pooling=pooling, normalize=overrides.normalize)


def with_activation(
    description: Description, scores: Sequence[np.ndarray], activation: str | None
) -> Description:
    """Return the description with the activation that makes `scores` probabilities.

    `scores` are outputs [rows, labels] for a few inputs; `activation` is the flag's
    softmax, sigmoid or none. With None, `scores` decide: rows in 0..1 with the sum 1
    (for multilabel models: any values in 0..1) are probabilities, others are logits.
    """
    output = description.signature.output("scores")
    if output is None or description.kind not in {"classification", "multilabel"}:
        return description
    notes = description.notes
    if activation is None:
        alone = description.kind == "multilabel" or _one_column(scores)
        if _are_probabilities(scores, alone=alone):
            return description
        activation = "sigmoid" if alone else "softmax"
        note = (
            f"the values of {output.name!r} are not probabilities but logits: "
            f"{activation} is applied; --activation overrides it"
        )
        notes = (*notes, note)
    if activation == "none":
        return description
    outputs = tuple(
        replace(one, activation=activation) if one is output else one
        for one in description.signature.outputs
    )
    return replace(
        description,
        signature=replace(description.signature, outputs=outputs),
        notes=notes,
    )


def _one_column(scores: Sequence[np.ndarray]) -> bool:
    return all(one.ndim == 1 or one.shape[-1] == 1 for one in scores)


def _are_probabilities(scores: Sequence[np.ndarray], *, alone: bool) -> bool:
    for one in scores:
        values = one.astype(np.float64)
        if not np.isfinite(values).all():
            return False
        if values.min() < -_BEYOND or values.max() > 1 + _BEYOND:
            return False
        if not alone and (abs(values.reshape(len(values), -1).sum(1) - 1) > _SUM).any():
            return False
    return True


def _check_names(session: Session, overrides: Overrides) -> None:
    """Refuse flags that name inputs or outputs that do not exist."""
    for flag, names, known in (
        ("--output", overrides.roles.values(), session.output_types),
        ("--input", overrides.forms, session.inputs),
        ("--default", overrides.defaults, session.inputs),
    ):
        for name in names:
            if name not in known:
                raise UnclearError(
                    f"{flag} names {name!r}; the graph has {', '.join(known)}"
                )


def _labels(
    source: Source, overrides: Overrides, maps: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    if overrides.labels:
        return overrides.labels
    named = source.config.get("id2label")
    if isinstance(named, Mapping) and named:
        return tuple(str(named[key]) for key in sorted(named, key=int))
    return next((labels for labels in maps.values() if labels), ())


def _checked_labels(
    session: Session, name: str, labels: tuple[str, ...], kind: str
) -> tuple[str, ...]:
    """Return labels that fit the scores; raises `UnclearError`."""
    _, shape = session.output_types[name]
    columns = shape[1] if len(shape) == 2 else 1 if len(shape) == 1 else -1
    wanted = 2 if columns == 1 and kind == "classification" else columns
    if not labels:
        count = f"{wanted} labels" if wanted > 0 else "labels"
        raise UnclearError(
            f"a {kind} model needs label names, which the graph does not contain: "
            f"--labels a,b,... ({count}) or --labels FILE with one label per line"
        )
    if wanted > 0 and len(labels) != wanted:
        raise UnclearError(
            f"got {len(labels)} labels, but the output {name!r} has the shape "
            f"{list(shape)}: it takes {wanted}"
        )
    return labels


def _kind(
    session: Session, source: Source, overrides: Overrides, labels: tuple[str, ...]
) -> str:
    """Return the kind, from flags, files next to the graph, or outputs."""
    if overrides.kind is not None:
        return overrides.kind
    for kind in ("classification", "regression", "embedding", "policy"):
        if ROLES[kind] in overrides.roles:
            return kind
    if any(shape[:1] not in {(-1,), (1,)} for _, shape in session.inputs.values()):
        return "tensor"
    if source.config.get("problem_type") == "multi_label_classification":
        return "multilabel"
    return "classification" if labels else _by_outputs(session, source)


def _by_outputs(session: Session, source: Source) -> str:
    """Infer the kind from the names and shapes of outputs; raises `UnclearError`."""
    if source.pooling or _VECTORS & set(session.output_types):
        return "embedding"
    if len(session.output_types) > 1:
        return "tensor"
    ((name, (datatype, shape)),) = session.output_types.items()
    if datatype not in _FLOATS or len(shape) not in {1, 2}:
        return "tensor"
    if len(shape) == 1 or shape[1] == 1:
        return "regression"
    raise UnclearError(
        f"the output {name!r} of shape {list(shape)} may hold scores of labels, "
        "several numbers or an embedding: add --kind classification with --labels, "
        "--kind regression, --kind embedding or --kind tensor"
    )


def _chosen(role: str, session: Session, maps: Mapping[str, tuple[str, ...]]) -> str:
    """Return the most likely output for a role; raises `UnclearError`."""
    if role in session.output_types:
        return role
    if maps:
        return next(iter(maps))
    floats = [
        name for name, (kind, shape) in session.output_types.items()
        if kind in _FLOATS and shape
    ]  # fmt: skip
    for name in _preferred(role):
        if name in floats:
            return name
    if len(floats) == 1:
        return floats[0]
    names = ", ".join(session.output_types)
    raise UnclearError(
        f"no output is clearly the {role}: add --output {role}=NAME ({names})"
    )


def _preferred(role: str) -> tuple[str, ...]:
    return {
        "scores": ("logits", "probabilities", "probs", "output_probability"),
        "value": ("variable", "output", "logits"),
        "embedding": ("sentence_embedding", "embeddings", "pooler_output",
                      "last_hidden_state"),
    }.get(role, ())  # fmt: skip
