"""Where bytes lie: a folder, a bucket, memory; one behaviour."""

from hotseat_registry.stores.store import Store, Stored, open_store

__all__ = ["Store", "Stored", "open_store"]
