"""Our lists of models in OpenAI's shape as well: one route serves both clients."""

from collections.abc import Mapping
from typing import Any


def listed(models: Mapping[str, Any]) -> dict[str, Any]:
    """Return our list of models with OpenAI's beside it (`object` and `data`)."""
    data = [model_object(item["name"]) for item in models["models"]]
    return {**models, "object": "list", "data": data}


def model_object(name: str) -> dict[str, Any]:
    """Return a model as OpenAI's clients read it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "hotseat"}
