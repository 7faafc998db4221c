"""Where each system keeps what can be fetched again."""

from pathlib import Path, PurePosixPath

import pytest

from hotseat._device.folder import cache_folder
from hotseat._device.model_store import ModelStore

HOME = {"HOME": "/home/ada"}


@pytest.mark.parametrize(
    ("platform", "env", "folder"),
    [
        ("linux", HOME, "/home/ada/.cache/hotseat"),
        ("linux", {**HOME, "XDG_CACHE_HOME": "/big/cache"}, "/big/cache/hotseat"),
        ("linux", {**HOME, "XDG_CACHE_HOME": "cache"}, "/home/ada/.cache/hotseat"),
        ("linux", {**HOME, "XDG_CACHE_HOME": ""}, "/home/ada/.cache/hotseat"),
        ("freebsd14", HOME, "/home/ada/.cache/hotseat"),
        ("darwin", {**HOME, "XDG_CACHE_HOME": "/x"},
         "/home/ada/Library/Caches/hotseat"),
        ("win32", {**HOME, "LOCALAPPDATA": "/users/ada/local"},
         "/users/ada/local/hotseat/Cache"),
        ("win32", HOME, "/home/ada/AppData/Local/hotseat/Cache"),
    ],
)  # fmt: skip
def test_each_system_has_its_own_place(platform, env, folder):
    """Windows, macOS and the others, by their own rules."""
    assert PurePosixPath(cache_folder(platform, env)) == PurePosixPath(folder)


def test_a_home_is_found_without_its_variable():
    """Windows and services without HOME have one all the same."""
    assert cache_folder("linux", {}) == Path.home() / ".cache/hotseat"


def test_two_services_share_no_folder():
    """A test stage's versions never answer for the real one's."""
    one, two = (
        ModelStore.at(None, "https://a.example"),
        ModelStore.at(None, "https://b.example"),
    )
    assert one.root.parent == two.root.parent == cache_folder()
    assert one != two
    assert ModelStore.at("here", "https://a.example").root == Path("here")
