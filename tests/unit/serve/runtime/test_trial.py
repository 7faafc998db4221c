"""A version is tried in a process of its own before it takes over."""

import sys

import pytest

from hotseat_registry.errors import IntegrityError
from hotseat_serve.runtime import trial


@pytest.fixture
def opening(bundle):
    """Open the word model apart, with limits."""
    manifest, files = bundle()

    def run(seconds=30.0, memory=trial.MEMORY):
        paths = {"graph": files["model.onnx"], "golden": files["golden.json"]}
        trial.run(manifest, "fp32", paths, seconds=seconds, threads=1, memory=memory)

    run.files = files
    return run


def test_what_is_right_opens(opening):
    """No word is good news."""
    opening()


def test_time_is_limited(opening):
    """The process is ended, not waited for."""
    with pytest.raises(IntegrityError, match="was not open after"):
        opening(seconds=0.01)


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows limits no process's memory by itself"
)
def test_memory_is_limited(opening):
    """A graph that fills the memory fills that process's alone."""
    with pytest.raises(IntegrityError, match="does not open"):
        opening(memory=1 << 20)


def test_its_words_arrive(opening):
    """Why a version does not open is in the log of the service."""
    opening.files["model.onnx"].write_bytes(b"no graph")
    with pytest.raises(IntegrityError, match=r"model\.onnx does not load"):
        opening()


def test_wrong_golden_rows_are_found(opening):
    """The rows are asked in the trial, too."""
    opening.files["golden.json"].write_text('{"rows": 7}')
    with pytest.raises(IntegrityError, match="golden"):
        opening()
