"""Find the default model when no setting names one."""

from collections.abc import Sequence
from typing import NamedTuple

from hotseat_registry import LIVE, Registry
from hotseat_registry.parallel import map_parallel


class LiveModels(NamedTuple):
    """The models with a live version."""

    names: list[str]
    reason: str
    """The reason for a missing default model and the remedy; empty if there is one."""


def read_live(registry: Registry, names: Sequence[str] | None = None) -> LiveModels:
    """Read the aliases of `names`, or of all models; raises `RegistryError`."""
    live = live_models(registry, names)
    if len(live) == 1:
        return LiveModels(live, "")
    if names and not live:
        return LiveModels([], f"no model of this stage is live: {', '.join(names)}")
    return LiveModels(live, why_no_default(registry, live))


def live_models(registry: Registry, names: Sequence[str] | None = None) -> list[str]:
    """Return the models with a live version; one request for each, in parallel."""
    names = registry.models() if names is None else names
    found = zip(names, map_parallel(registry.aliases, names), strict=True)
    return [name for name, aliases in found if LIVE in aliases]


def why_no_default(registry: Registry, live: list[str]) -> str:
    """Return the reason for a missing default model, and the remedy."""
    if live:
        named = ", ".join(live[:10]) + (" ..." if len(live) > 10 else "")
        return (
            f"{len(live)} models are live ({named}): ask one by name, "
            f"POST /v1/models/{live[0]}/predict, or choose a default "
            "(HOTSEAT_DEFAULT_MODEL, hotseat serve --model)"
        )
    uri = registry.store.uri
    if names := registry.models():
        return f"no model of {uri} is live: hotseat model promote {names[0]}@1"
    return f"{uri} holds no model: hotseat publish one, then hotseat model promote it"
