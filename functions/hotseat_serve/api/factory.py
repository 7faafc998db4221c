"""Create a router from settings."""

import logging
import os
import random
from datetime import timedelta
from typing import TYPE_CHECKING

from hotseat_registry import Registry, open_registry
from hotseat_registry.errors import RegistryError
from hotseat_serve.api.router import Router
from hotseat_serve.api.telemetry import Telemetry
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from hotseat_serve.privacy.pseudonyms import Pseudonyms

log = logging.getLogger("hotseat.serve")


def create_router(settings: Settings) -> Router:
    """Return a router for the registry in the settings; raises `RegistryError`.

    The first request fetches the first version.
    """
    models = ModelCache(_registry(settings), settings)
    telemetry = None
    if settings.log:
        telemetry = Telemetry(
            os.environ,
            namespace=settings.namespace,
            sample=settings.sample,
            pseudonyms=_pseudonyms(settings),
            random=random.SystemRandom().random,
        )
    gate = None
    if settings.access:
        # late: only stages that ask who calls take it
        from hotseat_serve.access.factory import create_gate

        gate = create_gate(settings, models.registry)
    return Router(models, settings, telemetry=telemetry, gate=gate)


def _pseudonyms(settings: Settings) -> "Pseudonyms | None":
    """Return the pseudonyms of players, or None: without a secret, none is logged."""
    if "HOTSEAT_PLAYER_KEY" in os.environ:
        log.warning(
            "HOTSEAT_PLAYER_KEY is not read any more: put the key into a secret, and "
            "name that in HOTSEAT_PLAYER_SECRET"
        )
    if not settings.player_secret:
        return None
    # late: most stages log no player
    from hotseat_serve.privacy.pseudonyms import open_pseudonyms

    try:
        return open_pseudonyms(settings.player_secret)
    except RegistryError as error:
        log.warning("no player is logged: %s", error)
        return None


def _registry(settings: Settings) -> Registry:
    """Return the registry; with `trust`, one that checks signatures.

    A version in the image was checked when it was baked.
    """
    if settings.static or not settings.trust:
        if settings.signed_heads and not settings.static:
            raise RegistryError("HOTSEAT_SIGNED_HEADS takes keys in HOTSEAT_TRUST")
        return open_registry(settings.registry, reading=True)
    from hotseat_registry.trust import Trust  # late: only with signatures

    trust = Trust.read(settings.trust, settings.trust_threshold)
    if not settings.signed_heads:
        return open_registry(settings.registry, trust=trust, reading=True)
    # late: only these services take it
    from hotseat_registry.signed_ledger import open_signed

    return open_signed(
        settings.registry,
        trust,
        memory=settings.cache_folder,
        grace=timedelta(days=settings.head_grace_days),
    )
