"""The plan of a language model, from the files beside its graph and a template file."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from hotseat_registry import graph
from hotseat_registry.errors import IntegrityError
from hotseat_registry.text_plan import TextPlan, interface_faults
from hotseat_train.external.errors import SourceError, UnclearError
from hotseat_train.external.language.chat_format import read_chat_format
from hotseat_train.external.language.source import LanguageFolder

CONTEXT = 1024
"""Tokens of a context, where a template file does not say: the cache has that length
in memory."""
_FIXED = frozenset(
    {"layers", "heads", "head_size", "vocabulary", "cache_type", "tokenizer", "extra"}
)
"""What the graph says, and no file may change."""


def read_plan(folder: LanguageFolder, template: Path | None) -> TextPlan:
    """Return how a version writes; raises `SourceError` or `UnclearError`."""
    model = folder.config.get("model", {})
    decoder = model.get("decoder", {})
    interface = graph.check(folder.graph, {p.name for p in folder.folder.iterdir()})
    assert interface is not None
    cache = interface.inputs.get("past_key_values.0.key")
    if cache is None:
        raise SourceError(
            f"{folder.graph.name} has no input past_key_values.0.key: only decoders "
            "with a key-value cache by layer are served (of Llama's kind)"
        )
    ends = model.get("eos_token_id", [])
    try:
        plan = TextPlan(
            layers=decoder.get("num_hidden_layers", 0),
            heads=decoder.get("num_key_value_heads", 0),
            head_size=decoder.get("head_size", 0),
            vocabulary=model.get("vocab_size", 0),
            stop_tokens=tuple(ends if isinstance(ends, list) else [ends]),
            context_tokens=min(CONTEXT, int(model.get("context_length", CONTEXT))),
            cache_type=cache.datatype,
        )
    except (IntegrityError, TypeError, ValueError) as error:
        raise SourceError(f"{folder.folder}: {error}") from None
    if faults := interface_faults(plan, interface.inputs, interface.outputs):
        raise SourceError(f"{folder.graph.name}: {'; '.join(faults)}")
    given = _read(template) if template is not None else {}
    if "roles" not in given:
        plan = read_chat_format(folder.chat_template, _bos(folder), plan)
    return with_template(plan, given)


def with_template(plan: TextPlan, given: Mapping[str, Any]) -> TextPlan:
    """Return a plan with the values of a template file; raises `UnclearError`."""
    known = {field.name for field in fields(TextPlan)} - _FIXED
    if unknown := sorted(given.keys() - known):
        raise UnclearError(
            f"--template has {unknown[0]!r}; it may have {', '.join(sorted(known))}"
        )
    try:
        return TextPlan.from_json({**plan.to_json(), **given})
    except IntegrityError as error:
        raise UnclearError(f"--template: {error}") from None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if path.suffix.lower() == ".toml":
            return tomllib.loads(path.read_text("utf-8"))
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnclearError(f"--template {path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise UnclearError(f"--template {path}: expected an object")
    return found


def _bos(folder: LanguageFolder) -> str:
    """Return the token that the tokenizer puts before a text, if it does."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder.folder / "tokenizer.json"))
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    added = whole[: len(whole) - len(plain)] if whole[-len(plain) :] == plain else []
    return "".join(tokenizer.id_to_token(one) or "" for one in added)


def shortened(plan: TextPlan, tokens: int) -> TextPlan:
    """Return a plan with a context of at most so many tokens."""
    return replace(plan, context_tokens=min(plan.context_tokens, tokens))
