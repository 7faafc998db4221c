"""What a version is, where it lies, what an alias points to."""

from hotseat_registry.entry import Entry
from hotseat_registry.ledger import Head
from hotseat_registry.manifest import (
    Field,
    File,
    Generation,
    Input,
    Level,
    Manifest,
    Output,
    Signature,
    Variant,
)
from hotseat_registry.names import LIVE, Reference
from hotseat_registry.registry import Registry, open_registry

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
