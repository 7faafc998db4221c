"""Versions of models, their storage, and the aliases that point to them."""

from hotseat_registry.entry import Entry
from hotseat_registry.ledger import Head
from hotseat_registry.manifest import File, Manifest, Variant
from hotseat_registry.names import LIVE, Reference
from hotseat_registry.registry import Registry, open_registry
from hotseat_registry.signature import (
    Field,
    Generation,
    Input,
    Level,
    Output,
    Signature,
)

__all__ = [
    "LIVE",
    "Entry",
    "Field",
    "File",
    "Generation",
    "Head",
    "Input",
    "Level",
    "Manifest",
    "Output",
    "Reference",
    "Registry",
    "Signature",
    "Variant",
    "open_registry",
]
