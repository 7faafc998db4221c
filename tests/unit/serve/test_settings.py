"""The function's settings."""

import pytest

from hotseat_serve.settings import Settings


def test_settings_come_back_from_the_environment():
    """What infrastructure writes is what the function reads."""
    settings = Settings(registry="s3://b/p", refresh_seconds=0.5, threads=2)
    assert Settings.from_env(settings.to_env()) == settings
    assert Settings.from_env({}) == Settings()


def test_a_bad_value_names_its_variable():
    """A variable that is no number says which one it is."""
    with pytest.raises(ValueError, match="HOTSEAT_THREADS='many' is no int"):
        Settings.from_env({"HOTSEAT_THREADS": "many"})
