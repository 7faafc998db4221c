"""Choose how tensors become an answer, by the model's kind."""

from collections.abc import Callable, Mapping
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
from hotseat_serve import rules
from hotseat_serve.codec import game_json
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds import scores as scores_of_labels
from hotseat_serve.kinds.inference_request import InferenceRequest
from hotseat_serve.problems import Problem

Kind = Callable[[InferenceRequest], list[dict[str, Any]]]


def classification(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer with the labels' probabilities, from ``scores`` [rows, labels].

    An output with the role ``categories`` gives the probabilities of categories.
    """
    labels, answers = request.signature.labels, []
    outputs = request.run(request.tensors())
    at = request.signature.label_threshold
    said = {} if at is None else {"threshold": {"label": labels[1], "value": at}}
    for row in _scores(request, outputs).tolist():
        best = max(range(len(row)), key=row.__getitem__) if at is None else row[1] >= at
        answers.append(
            {
                "label": labels[best],
                "probability": row[best],
                "scores": dict(zip(labels, row, strict=True)),
                **said,
            }
        )
    if (names := request.signature.categories) is not None:
        parts = each_row(outputs["categories"], request).tolist()
        for answer, row in zip(answers, parts, strict=True):
            answer["categories"] = dict(zip(names, row, strict=True))
    return answers


def _scores(request: InferenceRequest, outputs: Mapping[str, Array]) -> Array:
    """Return the probabilities [rows, labels]."""
    output = request.signature.output("scores")
    assert output is not None
    scores = each_row(outputs["scores"], request)
    if output.activation is None and scores.ndim == 2 and scores.shape[1] != 1:
        return scores
    return scores_of_labels.probabilities(scores, output, len(request.signature.labels))


def multilabel(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer with each label by itself, from ``scores`` [rows, labels]."""
    scores = _scores(request, request.run(request.tensors()))
    return scores_of_labels.multilabel(scores, request.signature)


def embedding(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer with ``embedding`` [rows, size], or pool [rows, tokens, size]."""
    from hotseat_serve.kinds.embedding import embeddings

    output, tensors = request.signature.output("embedding"), request.tensors()
    assert output is not None
    vectors = each_row(request.run(tensors)["embedding"], request)
    return embeddings(vectors, output, request.signature, tensors)


def regression(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer with ``value`` [rows, ...]: a number, or a list of several."""
    values = each_row(request.run(request.tensors())["value"], request)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    return [{"value": value} for value in values.tolist()]


def tensor(request: InferenceRequest) -> list[dict[str, Any]]:
    """Return every output unchanged, row by row, as nested lists by name."""
    outputs = request.run(request.tensors())
    rows = len(request.inputs)
    if any(item.form == "array" for item in request.signature.inputs):
        # one call with whole tensors
        return [{"outputs": {name: x.tolist() for name, x in outputs.items()}}]
    parts = {
        name: array.tolist() if rows == 1 and array.shape[:1] != (1,)
        else each_row(array, request).tolist()
        for name, array in outputs.items()
    }  # fmt: skip
    if rows == 1:
        return [
            {
                "outputs": {
                    name: part[0] if outputs[name].shape[:1] == (1,) else part
                    for name, part in parts.items()
                }
            }
        ]
    return [
        {"outputs": {name: part[row] for name, part in parts.items()}}
        for row in range(rows)
    ]


def each_row(array: Array, request: InferenceRequest) -> Array:
    """Return an output with an answer for each input; raises `Problem`.

    A graph without rows answers one input at a time.
    """
    rows = len(request.inputs)
    if array.ndim == 0 and rows == 1:
        return array.reshape(1)
    if array.ndim == 0 or array.shape[0] != rows:
        count = array.shape[0] if array.ndim else 1
        raise Problem(
            "invalid_input",
            f"the model answers {count} times to {rows} inputs: ask one at a time",
        )
    return array


def policy(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer by `kinds.policy`, which is imported only when a policy is served."""
    from hotseat_serve.kinds import policy as kind

    return kind.policy(request)


def generation(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer by `kinds.generation`, imported only when a generator is served."""
    from hotseat_serve.kinds import generation as kind

    return kind.generation(request)


def retrieval(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer by `kinds.retrieval`, imported only when documents are searched."""
    from hotseat_serve.kinds import retrieval as kind

    return kind.retrieval(request)


def pipeline(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer by `kinds.pipeline`, imported only when a pipeline is served."""
    from hotseat_serve.kinds import pipeline as kind

    return kind.pipeline(request)


def text(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer nothing: `LoadedModel.text` writes in its place."""
    raise Problem("internal", f"{len(request.inputs)} texts reached a graph")


KINDS: Mapping[str, Kind] = {
    "classification": classification,
    "multilabel": multilabel,
    "regression": regression,
    "embedding": embedding,
    "policy": policy,
    "generation": generation,
    "tensor": tensor,
    "retrieval": retrieval,
    "pipeline": pipeline,
    "text": text,
}


def check(manifest: Manifest) -> None:
    """Check that this service can serve the version; raises `IntegrityError`."""
    signature = manifest.signature
    signatures = (signature, *(step.signature for step in manifest.steps or ()))
    forms = {item.form for one in signatures for item in one.inputs}
    if unknown := forms - set(game_json.FORMS):
        raise _update(manifest, "wants inputs as", min(unknown), game_json.FORMS)
    if manifest.kind not in KINDS:
        raise _update(manifest, "is of kind", manifest.kind, KINDS)
    if signature.rules is not None:
        try:
            rules.find(signature.rules)
        except IntegrityError as error:
            raise IntegrityError(f"{manifest.reference}: {error}") from None
    if manifest.kind == "generation" and signature.generation is None:
        raise IntegrityError(
            f"{manifest.reference}: its signature does not say how to generate"
        )


def _update(manifest: Manifest, does: str, what: str, known: Any) -> IntegrityError:
    return IntegrityError(
        f"{manifest.reference} {does} {what!r}; "
        f"this service knows {', '.join(sorted(known))}: update it"
    )
