"""The folder of the workers' metrics leaves the environment as it was."""

import os

import pytest

from hotseat_serve.local.metrics import MetricsFolder

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@pytest.mark.parametrize("before", [None, "/var/metrics"])
def test_a_program_that_is_started_later_finds_no_removed_folder(monkeypatch, before):
    """The variable is set while the folder is there."""
    if before is None:
        monkeypatch.delenv(VARIABLE, raising=False)
    else:
        monkeypatch.setenv(VARIABLE, before)
    folder = MetricsFolder()
    assert os.environ[VARIABLE] == str(folder.path)
    folder.close()
    assert os.environ.get(VARIABLE) == before
    assert not folder.path.exists()
