"""Find the default model when no setting names one."""

from typing import NamedTuple

from hotseat_registry import LIVE, Registry
from hotseat_registry.parallel import map_parallel


class LiveModels(NamedTuple):
    """The models with a live version."""

    names: list[str]
    reason: str
    """The reason for a missing default model and the remedy; empty if there is one."""


def read_live(registry: Registry) -> LiveModels:
    """Read every model's aliases; raises `RegistryError`."""
    names = live_models(registry)
    return LiveModels(names, "" if len(names) == 1 else why_no_default(registry, names))


def live_models(registry: Registry) -> list[str]:
    """Return the models with a live version; one request for each, in parallel."""
    names = registry.models()
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
