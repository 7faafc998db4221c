"""Open a room from settings."""

from hotseat_registry import open_registry
from hotseat_registry.trust import Trust
from hotseat_serve.models import Models
from hotseat_serve.room import Room
from hotseat_serve.settings import Settings


def open_room(settings: Settings) -> Room:
    """Return a room over the registry that the settings name; raises `RegistryError`.

    Nothing is fetched until the first request.
    """
    trust = Trust.read(settings.trust) if settings.trust else None
    return Room(
        Models(open_registry(settings.registry, trust=trust), settings), settings
    )
