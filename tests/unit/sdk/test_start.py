"""How the command `hotseat` starts and ends."""

import os
import subprocess
import sys

import pytest

from hotseat import _cli
from hotseat._cli import catalogue

COMMAND = [sys.executable, "-m", "hotseat._cli"]


def test_a_closed_pipe_is_quiet():
    """`hotseat --help | head` ends without a word on the reader's going."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "--help"], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_ctrl_c_is_quiet(monkeypatch, capsys):
    """Ctrl-C is exit code 130 and no traceback."""

    def interrupted(_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "_main", interrupted)
    assert _cli.main(["serve"]) == 130
    assert capsys.readouterr().err == ""


def test_only_the_called_verb_is_loaded(monkeypatch):
    """`predict` does not even read the entry points of other packages."""

    def looked(**_):
        raise AssertionError("looked for entry points")

    monkeypatch.setattr(catalogue, "entry_points", looked)
    with pytest.raises(SystemExit) as done:
        _cli.main(["predict", "--help"])
    assert done.value.code == 0


@pytest.mark.parametrize("verb", ["predict", "generate", "model download"])
def test_the_sdks_verbs_import_no_other_package(verb):
    """The SDK's own verbs start without any module of the platform."""
    code = (
        "import sys, hotseat._cli\n"
        "try: hotseat._cli.main([*sys.argv[1:], '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('hotseat_')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *verb.split()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_input_is_read_whatever_its_mark(tmp_path, capsys):
    """A file saved on Windows, with its byte order mark, is read as JSON."""
    path = tmp_path / "input.json"
    path.write_bytes(b'\xef\xbb\xbf{"text": "x"}')
    arguments = ["predict", "--input", str(path), "--deadline", "0.01"]
    assert _cli.main([*arguments, "--url", "http://127.0.0.1:9"]) == 1
    assert "hotseat serve" in capsys.readouterr().err


@pytest.mark.parametrize("written", [b"{", b"\xff", b"[" * 200_000])
def test_input_that_is_not_json_is_wrong_usage(tmp_path, written, capsys):
    """A file that is not JSON is named, with exit code 2."""
    path = tmp_path / "input.json"
    path.write_bytes(written)
    with pytest.raises(SystemExit) as done:
        _cli.main(["predict", "--input", str(path)])
    assert done.value.code == 2
    assert str(path) in capsys.readouterr().err
