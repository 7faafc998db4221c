"""The Open Inference Protocol, version 2, over REST.

Specification: github.com/kserve/open-inference-protocol, and Triton's extensions for
binary tensor data, classification, statistics, model configuration and repository
index. Every error is ``{"error": "..."}``. Inference itself is `infer`'s.
"""

import json
from typing import Any

from hotseat_registry import LIVE
from hotseat_registry.errors import RegistryError
from hotseat_serve.api.catalogue import Catalogue
from hotseat_serve.api.messages import Answer
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem, from_registry
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.model_cache import ModelCache

EXTENSIONS = [
    "binary_tensor_data", "classification", "model_configuration", "model_repository",
    "statistics",
]  # fmt: skip


def server() -> dict[str, Any]:
    """Return the server's metadata."""
    return {"name": "hotseat", "version": "2", "extensions": EXTENSIONS}


def get(
    models: ModelCache,
    model: str,
    version: str | None,
    context: RequestContext | None = None,
) -> LoadedModel:
    """Return the requested version; raises `Problem`."""
    try:
        return models.get(
            models.reference(model, version), context.remaining if context else None
        )
    except RegistryError as error:
        raise from_registry(error, version) from error


def metadata(catalogue: Catalogue, loaded: LoadedModel) -> dict[str, Any]:
    """Return a model's metadata: the tensors of the graph."""
    name = loaded.manifest.model
    session = loaded.session
    try:
        versions = catalogue.one(name)["versions"]
    except RegistryError as error:
        raise from_registry(error) from error
    return {
        "name": name,
        "versions": [str(n) for n in versions],
        "platform": "onnxruntime_onnx",
        "inputs": [_tensor(*item) for item in session.inputs.items()],
        "outputs": [_tensor(*item) for item in session.output_types.items()],
    }


def _tensor(name: str, kind: tuple[str, tuple[int, ...]]) -> dict[str, Any]:
    return {"name": name, "datatype": kind[0], "shape": list(kind[1])}


def config(loaded: LoadedModel) -> dict[str, Any]:
    """Return the applicable part of Triton's model configuration."""

    def tensor(name: str, kind: tuple[str, tuple[int, ...]]) -> dict[str, Any]:
        datatype = "TYPE_STRING" if kind[0] == "BYTES" else f"TYPE_{kind[0]}"
        return {"name": name, "data_type": datatype, "dims": list(kind[1])}

    return {
        "name": loaded.manifest.model,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 0,
        "input": [tensor(*item) for item in loaded.session.inputs.items()],
        "output": [tensor(*item) for item in loaded.session.output_types.items()],
    }


def index(catalogue: Catalogue, context: RequestContext) -> list[dict[str, Any]]:
    """Return all models with their live versions; raises `Problem`."""
    try:
        listing = catalogue.all(context)
    except RegistryError as error:
        raise from_registry(error) from error
    index_entries = []
    for item in listing.models:
        if not context.reaches(item["name"]):
            continue
        live = item["aliases"].get(LIVE)
        index_entries.append(
            {
                "name": item["name"],
                "version": str(live or item["version"]),
                "state": "READY" if live else "UNAVAILABLE",
                "reason": "" if live else "no version is live",
            }
        )
    index_entries += [
        {
            "name": name,
            "version": "",
            "state": "UNAVAILABLE",
            "reason": "its ledger or manifest cannot be read",
        }
        for name in listing.damaged
        if context.reaches(name)
    ]
    return sorted(index_entries, key=lambda item: item["name"])


def error(problem: Problem) -> Answer:
    """Return a problem in the protocol's format."""
    status = {422: 400}.get(problem.status, problem.status)
    return Answer(status, json.dumps({"error": problem.detail}).encode())
