"""Answer with the documents of a version that are nearest to a query.

Every vector is compared (exact search): a product of a matrix and a vector, whose order
is that of the cosine, because all vectors have length 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from hotseat_registry.errors import IntegrityError
from hotseat_registry.retrieval import Retrieval
from hotseat_serve.codec.tensors import Array
from hotseat_serve.kinds.embedding import embeddings
from hotseat_serve.kinds.inference_request import InferenceRequest
from hotseat_serve.problems import Problem
from hotseat_serve.wording import expected, invalid

if TYPE_CHECKING:
    from hotseat_registry.encrypted_file import EncryptedFile

_RANGE = {"min", "max"}
_Key = tuple[bool, Any]


class Index:
    """The vectors and documents of a version, open."""

    def __init__(
        self,
        vectors: Array,
        ids: Sequence[str],
        texts: Sequence[str],
        metadata: Mapping[str, Sequence[Any]],
    ) -> None:
        """Take vectors [documents, size] of length 1, and lists of as many values."""
        self.vectors = vectors
        self.ids = ids
        self.texts = texts
        self.metadata = metadata
        self._codes: dict[str, tuple[dict[_Key, int], Array]] = {}
        self._numbers: dict[str, Array] = {}

    def equal(self, field: str, values: Iterable[_Key]) -> Array:
        """Return whether a field has one of these values [documents]."""
        if field not in self._codes:
            known: dict[_Key, int] = {}
            codes = [
                known.setdefault(_plain_key(value), len(known))
                for value in self.metadata[field]
            ]
            self._codes[field] = known, np.array(codes, np.int32)
        known, codes_of = self._codes[field]
        return np.isin(codes_of, [known[key] for key in values if key in known])

    def within(self, field: str, low: float, high: float) -> Array:
        """Return whether a field's number is from `low` to `high` [documents]."""
        if field not in self._numbers:
            self._numbers[field] = np.array(
                [value if type(value) in {int, float} else np.nan
                 for value in self.metadata[field]], np.float64,
            )  # fmt: skip
        numbers = self._numbers[field]
        return (numbers >= low) & (numbers <= high)

    def document(self, at: int, score: float) -> dict[str, Any]:
        """Return a document as an answer has it."""
        found: dict[str, Any] = {"id": self.ids[at], "score": score}
        if self.texts:
            found["text"] = self.texts[at]
        values = {name: column[at] for name, column in self.metadata.items()}
        given = {name: value for name, value in values.items() if value is not None}
        return {**found, "metadata": given} if given else found


def open_index(
    retrieval: Retrieval, paths: Mapping[str, "Path | EncryptedFile"]
) -> Index:
    """Open the vectors and documents of a version; raises `IntegrityError`.

    FP32 vectors stay in their file, which is mapped.
    """
    shape = retrieval.count, retrieval.size
    path = paths[retrieval.vectors]
    data = path.read_bytes() if not isinstance(path, Path) else b""
    size = path.stat().st_size if isinstance(path, Path) else len(data)
    if size != retrieval.bytes:
        raise IntegrityError(
            f"{retrieval.vectors} has not the size of {shape[0]:,} vectors of "
            f"{shape[1]:,} numbers"
        )
    is_wide = retrieval.datatype == "FP32"
    if not isinstance(path, Path):  # an encrypted file: its content stays in memory
        kind = "<f4" if is_wide else "<f2"
        vectors: Array = np.frombuffer(data, kind).reshape(shape)
        vectors = vectors.astype(np.float32, copy=False)
    elif is_wide:
        vectors = np.memmap(path, "<f4", "r", shape=shape).view(np.ndarray)
    else:
        vectors = np.fromfile(path, "<f2").reshape(shape).astype(np.float32)
    try:
        found = orjson.loads(paths[retrieval.documents].read_bytes())
        ids, texts, metadata = found["ids"], found["texts"], found["metadata"]
        columns = [ids, *metadata.values(), *([texts] if texts else [])]
        fits = all(
            isinstance(column, list) and len(column) == retrieval.count
            for column in columns
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{retrieval.documents} cannot be read: {error}") from None
    if not fits:
        raise IntegrityError(
            f"{retrieval.documents} has to list {retrieval.count:,} documents"
        )
    return Index(vectors, ids, texts, metadata)


def retrieval(request: InferenceRequest) -> list[dict[str, Any]]:
    """Answer each query with its ``matches``, the best first; raises `Problem`."""
    record, output = request.signature.retrieval, request.signature.output("embedding")
    assert record is not None
    assert output is not None
    index: Index = request.files[record.vectors]
    options, tensors = request.options, request.tensors()
    kept = places(index, options.filter)
    outputs = request.run(tensors)["embedding"]
    queries = np.array(
        [one["embedding"] for one in embeddings(outputs, output, request.signature,
                                                tensors)], np.float32,
    )  # fmt: skip
    if len(queries) != len(request.inputs):
        raise Problem(
            "invalid_input",
            f"the encoder answers {len(queries)} times to {len(request.inputs)} "
            "inputs: ask one at a time",
        )
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    queries /= np.maximum(lengths, 1e-12)
    top = options.top_k or record.top_k
    least = -2.0 if options.min_score is None else options.min_score
    return [
        {
            "matches": [
                index.document(int(at), float(scores[at]))
                for at in best(scores, top, kept)
                if scores[at] >= least
            ]
        }
        for scores in (index.vectors @ query for query in queries)
    ]


def best(scores: Array, count: int, kept: Array | None = None) -> Array:
    """Return where the highest of scores [documents] are, the highest first.

    Of equal ones the first comes first; `kept` are those that may be returned.
    """
    places = np.arange(len(scores)) if kept is None else kept
    if count < len(places):
        own = scores[places]
        border = np.partition(own, len(own) - count)[len(own) - count]
        places = places[own >= border]
    order = np.argsort(-scores[places], kind="stable")
    return np.asarray(places[order][:count])


def places(index: Index, wanted: Mapping[str, Any] | None) -> Array | None:
    """Return the places of documents that a filter lets pass; None for all.

    A field's value has to be equal to what the filter says, one of its list, or within
    ``{"min": ..., "max": ...}``. Raises `Problem`.
    """
    if not wanted:
        return None
    mask = np.ones(len(index.ids), bool)
    for field, rule in wanted.items():
        pointer = f"/options/filter/{field}"
        if field not in index.metadata:
            known = ", ".join(sorted(index.metadata)) or "none"
            raise invalid(
                f"the documents have no field {field[:80]!r}; they have {known}",
                pointer,
            )
        mask &= _passing(index, field, rule, pointer)
    return np.flatnonzero(mask)


def _passing(index: Index, field: str, rule: Any, pointer: str) -> Array:
    if isinstance(rule, list):
        return index.equal(field, [_key(value, pointer) for value in rule])
    if not isinstance(rule, Mapping):
        return index.equal(field, [_key(rule, pointer)])
    if not rule or rule.keys() - _RANGE:
        raise expected('an object with "min" or "max"', pointer, rule)
    low, high = rule.get("min", -np.inf), rule.get("max", np.inf)
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise expected("a number", pointer, bound)
    return index.within(field, low, high)


def _key(value: Any, pointer: str) -> _Key:
    if value is not None and not isinstance(value, str | int | float):
        raise expected("a text, a number, or true or false", pointer, value)
    return _plain_key(value)


def _plain_key(value: Any) -> _Key:
    """Return a value with whether it is true or false, which 1 and 0 are not."""
    return type(value) is bool, value
