"""Opens a language model of a version: its tokenizer, its golden rows, its template."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
from hotseat_serve.runtime.session import Session
from hotseat_serve.runtime.text_model import TextModel, check_golden
from hotseat_serve.text.vocabulary import Vocabulary


def open_text_model(
    manifest: Manifest, session: Any, paths: Mapping[str, Any], variant: str
) -> TextModel:
    """Open what writes, check its golden rows, warm it; raises `IntegrityError`."""
    plan = manifest.signature.text
    assert plan is not None
    assert isinstance(session, Session)
    path = paths[plan.tokenizer]
    if not isinstance(path, Path):
        raise IntegrityError(
            f"{manifest.reference}: the tokenizer of a language model is read from its "
            "file, so it cannot be encrypted: publish it without --encrypt"
        )
    name = str(manifest.reference)
    model = TextModel(name, plan, session, Vocabulary(path, plan))
    if "golden" in paths:
        check_golden(model, paths["golden"].read_bytes(), variant)
    model.warm()
    return model
