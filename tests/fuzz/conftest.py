"""How long the fuzz tests search: ``--hypothesis-profile=long`` for a night."""

from hypothesis import settings

settings.register_profile("long", max_examples=20_000, deadline=None)
