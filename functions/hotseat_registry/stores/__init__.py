"""Where bytes lie: a folder, a bucket, memory; one behaviour."""

from hotseat_registry.stores.store import Moved, Store, Stored, nobody, open_store

__all__ = ["Moved", "Store", "Stored", "nobody", "open_store"]
