"""Versions of models, their storage, and the aliases that point to them.

Names are imported when they are first used (PEP 562): an authorizer takes the stores
and the errors, and starts without the rest.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "entry": ("Entry",),
    "ledger": ("Head",),
    "manifest": ("File", "Manifest", "Variant"),
    "names": ("LIVE", "Reference"),
    "registry": ("Registry", "open_registry"),
    "signature": ("Field", "Generation", "Input", "Level", "Output", "Signature"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a name of `__all__` from its module, and keep it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value
