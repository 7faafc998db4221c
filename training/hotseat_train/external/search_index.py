"""Makes a version that searches documents, with a published encoder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import Manifest, Reference, Registry, Variant
from hotseat_registry.names import check_name
from hotseat_registry.registry import StartProgress, no_progress
from hotseat_registry.retrieval import Retrieval
from hotseat_serve.limits import MAX_ROWS
from hotseat_serve.problems import Problem
from hotseat_serve.runtime import loader
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.external import card
from hotseat_train.external.description import Description
from hotseat_train.external.documents import Documents
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.publish import OPEN_S, VARIANT, Prepared, measured
from hotseat_train.external.version import fetch

_ROWS = 32
"""Texts of about equal length in one run of the encoder."""
_GOLDEN = 16


def prepare(
    documents: Documents,
    encoder: Reference,
    model: str,
    registry: Registry,
    folder: Path,
    *,
    source: str,
    half: bool = False,
    progress: StartProgress = no_progress,
) -> Prepared:
    """Embed documents and measure the search; write the version's files to `folder`.

    With `half`, vectors are stored as 16-bit floats. Raises `SourceError` for an
    encoder that is no embedding of a text, and `RegistryError`.
    """
    check_name(model)
    original = fetch(registry, encoder, folder)
    encoding = original.manifest
    keys = {item.key for item in encoding.signature.inputs}
    forms = {item.form for item in encoding.signature.inputs}
    if (
        encoding.kind != "embedding"
        or len(keys) != 1
        or not forms <= {"text", "tokens"}
    ):
        raise SourceError(
            f"{encoding.reference} is of kind {encoding.kind} and takes "
            f"{', '.join(sorted(keys))}; an index needs an embedding of one text"
        )
    variant = encoding.variant(encoding.default_variant)
    paths = {name: original.files[name] for name in variant.files}
    paths |= {name: original.files[name] for name in encoding.signature.files}
    opened = loader.open_variant(
        encoding, variant.name, {**paths, "graph": paths[variant.file]}, 1, OPEN_S
    )
    (key,) = keys
    vectors = _vectors(opened, key, documents.texts, progress)
    record = Retrieval(
        len(vectors), vectors.shape[1], datatype="FP16" if half else "FP32"
    )
    paths[record.vectors] = folder / record.vectors
    vectors.astype("<f2" if half else "<f4").tofile(paths[record.vectors])
    paths[record.documents] = folder / record.documents
    paths[record.documents].write_text(
        json.dumps(documents.to_json(), ensure_ascii=False), "utf-8"
    )
    manifest = Manifest(
        model=model, kind="retrieval",
        signature=replace(encoding.signature, retrieval=record),
        variants=(Variant(VARIANT, variant.file, data=variant.data),),
        default_variant=VARIANT, golden="golden.json",
        lineage={"source": source, "tool": "index", "encoder": encoding.reference},
    )  # fmt: skip
    manifest = measured(
        manifest, {**paths, "graph": paths[variant.file]}, paths,
        [{key: text} for text in _queries(documents)], folder,
        is_int8=True, options={"top_k": 1},
    )  # fmt: skip
    paths["golden.json"] = folder / "golden.json"
    manifest = replace(manifest, card=card.of(manifest, source, (), random=False))
    described = Description(manifest.kind, manifest.signature)
    return Prepared(manifest, paths, described, random=False)


def _vectors(
    encoder: LoadedModel, key: str, texts: tuple[str, ...], progress: StartProgress
) -> np.ndarray:
    """Return the vectors of texts [texts, size], each of length 1."""
    step = min(_ROWS, encoder.manifest.signature.max_rows or MAX_ROWS)
    on_done = progress("documents", len(texts))
    found: np.ndarray | None = None
    for rows in _by_length(texts, step):
        try:
            answers = encoder.predict([{key: texts[row]} for row in rows])
        except Problem as problem:
            raise UnclearError(
                f"document {rows[0] + 1} or one of like length: {problem}"
            ) from None
        some = np.array([answer["embedding"] for answer in answers], np.float32)
        if found is None:
            found = np.empty((len(texts), some.shape[1]), np.float32)
        found[rows] = some
        on_done(len(rows))
    assert found is not None
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-12))


def _by_length(texts: tuple[str, ...], step: int) -> Iterator[list[int]]:
    """Yield the places of texts, those of like length together."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    for at in range(0, len(order), step):
        yield order[at : at + step]


def _queries(documents: Documents) -> list[Any]:
    """Return texts of documents that nothing else says, from all over the list."""
    counts: dict[str, int] = {}
    for text in documents.texts:
        counts[text] = counts.get(text, 0) + 1
    single = [text for text in documents.texts if counts[text] == 1]
    single = single or list(documents.texts[:1])
    return single[:: max(1, len(single) // _GOLDEN)][:_GOLDEN]
