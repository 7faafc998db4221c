"""Checks sentences of an answer with a classification of the same service."""

import logging
from typing import TYPE_CHECKING

from hotseat_registry.errors import RegistryError
from hotseat_serve.api.text_answer import Passes
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel

if TYPE_CHECKING:
    from hotseat_serve.runtime.model_cache import ModelCache

log = logging.getLogger("hotseat.serve")
_FAILED = "the filter of this version cannot be asked"


def open_filter(models: "ModelCache", name: str | None) -> Passes | None:
    """Return what checks sentences with ``model`` or ``model#alias``; None: nothing.

    A sentence passes with the model's neutral label, by the model's own operating
    point. A filter that cannot be loaded lets nothing pass: the check raises `Problem`
    (unavailable).
    """
    if not name:
        return None

    def passes(text: str) -> bool:
        model, _, alias = name.partition("#")
        try:
            loaded = models.get(models.reference(model, alias or None))
            neutral = _neutral(loaded)
            (answer,) = loaded.predict([{"text": text.strip()}])
        except RegistryError as error:
            log.warning("the filter %s cannot be loaded: %s", name, error)
            raise Problem("unavailable", _FAILED) from None
        except Problem as problem:
            log.warning("the filter %s failed: %s", name, problem)
            raise Problem("unavailable", _FAILED) from None
        return bool(answer.get("label") == neutral)

    return passes


def _neutral(loaded: LoadedModel) -> str:
    label = loaded.manifest.signature.neutral_label
    if label is None:
        raise Problem("unavailable", f"{loaded.manifest.model} has no neutral label")
    return label
