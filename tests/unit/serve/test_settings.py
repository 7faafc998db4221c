"""The function's settings."""

import tempfile

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


@pytest.mark.parametrize("name", ["TMPDIR", "TEMP", "TMP", None])
@pytest.mark.parametrize("where", ["folder", "missing", "file", "relative", ""])
def test_the_cache_is_where_temporary_folders_are(tmp_path, monkeypatch, name, where):
    """Where the standard library would put them, whatever the variables say."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for other in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(other, raising=False)
    if name:
        place = where if where in {"relative", ""} else str(tmp_path / where)
        monkeypatch.setenv(name, place)
    monkeypatch.setattr(tempfile, "tempdir", None)  # it keeps the first it found
    assert str(Settings().cache_folder.parent) == tempfile.gettempdir()
