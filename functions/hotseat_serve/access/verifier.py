"""Create a verifier from settings: all that an authorizer needs, and no more."""

import time
from typing import TYPE_CHECKING

from hotseat_registry.stores import Store
from hotseat_serve.access.key_source import RegistryKeys, read_files
from hotseat_serve.access.verify import KeySource, Verifier
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from hotseat_registry.trust import Trust


def create_verifier(
    settings: Settings, store: Store, trust: "Trust | None" = None
) -> Verifier:
    """Return the verifier of tokens; raises `RegistryError`.

    The keys of a registry are read with the first token. `trust` is the registry's; in
    place of None it is read from the settings.
    """
    keys: KeySource
    if settings.token_keys:
        keys = read_files(settings.token_keys)
    else:
        if trust is None and settings.trust:
            # late: an authorizer of a stage without trusted keys does without
            from hotseat_registry.trust import Trust

            trust = Trust.read(settings.trust, settings.trust_threshold)
        keys = RegistryKeys(store, trust, time.monotonic)
    return Verifier(keys, time.time, settings.audience)
