"""Create a gate from settings."""

import time
from typing import TYPE_CHECKING

from hotseat_registry.errors import RegistryError
from hotseat_serve.access.buckets import Buckets, Limit, MemoryBuckets
from hotseat_serve.access.gate import Gate
from hotseat_serve.access.token_budget import TokenBudget
from hotseat_serve.access.verifier import create_verifier
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from hotseat_registry import Registry


def create_gate(settings: Settings, registry: "Registry") -> Gate:
    """Return the gate of a service; raises `RegistryError`."""
    if settings.access == "tokens":
        verifier = create_verifier(settings, registry.store, registry.trust)
    elif settings.access == "gateway":
        verifier = None
    else:
        raise RegistryError(
            f"HOTSEAT_ACCESS={settings.access!r} is neither tokens nor gateway"
        )
    buckets: Buckets | None = None
    limit = None
    if settings.rate_table:
        from hotseat_serve.access.dynamodb_buckets import DynamoBuckets

        buckets = DynamoBuckets(settings.rate_table)
    elif settings.access == "tokens":
        buckets = MemoryBuckets(time.monotonic)
    if settings.player_rate > 0:
        limit = Limit(settings.player_rate, settings.player_burst)
    games = {name.strip() for name in settings.token_games.split(",")} - {""}
    return Gate(verifier, buckets, limit, frozenset(games))


def create_budget(settings: Settings) -> TokenBudget:
    """Return the budgets of tokens of a service."""
    buckets: Buckets = MemoryBuckets(time.monotonic)
    if settings.rate_table:
        from hotseat_serve.access.dynamodb_buckets import DynamoBuckets

        buckets = DynamoBuckets(settings.rate_table)
    return TokenBudget(buckets, settings.player_tokens, settings.stage_tokens)
