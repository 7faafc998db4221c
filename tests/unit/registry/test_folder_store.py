"""Who may read a folder's files."""

import os

import pytest

from hotseat_registry.stores import open_store


@pytest.mark.skipif(not hasattr(os, "fork"), reason="rights of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640)])
def test_the_umask_decides_who_reads(tmp_path, umask, mode):
    """A server in a container reads the folder as another user."""
    before = os.umask(umask)
    try:
        store = open_store(f"file://{tmp_path}")
        store.write("models/mood/head.json", b"{}")
    finally:
        os.umask(before)
    (file,) = tmp_path.glob("models/mood/*")
    assert file.stat().st_mode & 0o777 == mode
