"""How long the fuzz tests search: ``HOTSEAT_FUZZ=long`` for a night."""

import os

from hypothesis import settings

settings.register_profile("long", max_examples=20_000, deadline=None)
if os.environ.get("HOTSEAT_FUZZ") == "long":
    settings.load_profile("long")
