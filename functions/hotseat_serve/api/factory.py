"""Create a router from settings."""

import os
import random

from hotseat_registry import open_registry
from hotseat_registry.trust import Trust
from hotseat_serve.api.router import Router
from hotseat_serve.api.telemetry import Telemetry
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


def create_router(settings: Settings) -> Router:
    """Return a router for the registry in the settings; raises `RegistryError`.

    The first request fetches the first version.
    """
    trust = Trust.read(settings.trust) if settings.trust else None
    models = ModelCache(
        open_registry(settings.registry, trust=trust, reading=True), settings
    )
    telemetry = None
    if settings.log:
        telemetry = Telemetry(
            os.environ,
            namespace=settings.namespace,
            sample=settings.sample,
            player_key=settings.player_key,
            random=random.SystemRandom().random,
        )
    return Router(models, settings, telemetry=telemetry)
