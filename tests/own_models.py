"""The page on own models, and a service beside its commands."""

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODELS = ROOT / ".venv/models"
LIBRARIES = ROOT / ".venv/libraries"
PAGE = (ROOT / "docs/tutorials/own-onnx.md").read_text("utf-8")
BLOCKS = re.findall(r"```(sh|python|json)\n(.*?)```", PAGE, re.DOTALL)
_COMMAND = [sys.executable, "-m", "hotseat._cli"]


def program(name: str) -> str:
    """Return a program of the page, by the name in its first line."""
    return next(block for _, block in BLOCKS if block.startswith(f"# {name}\n"))


@dataclass(frozen=True)
class Workplace:
    """A folder with a registry and the address of the service on it."""

    folder: Path
    url: str

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOTSEAT_REGISTRY": f"file://{self.folder.as_posix()}/registry",
            "HOTSEAT_URL": self.url,
            "HOTSEAT_DOWNLOADS": "*",
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, line: str) -> str:
        """Run one command of the page; return what it prints."""
        words = shlex.split(line)[1:]
        if words[0] == "predict":  # a loaded machine takes longer than a game waits
            words += ["--deadline", "60"]
        done = subprocess.run(
            [*_COMMAND, *words], cwd=self.folder, env=self.env,
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def python(self, name: str, code: str, python: Path | str = sys.executable) -> str:
        """Run a program; return what it prints."""
        (self.folder / name).write_text(code)
        done = subprocess.run(
            [python, name], cwd=self.folder, env=self.env, capture_output=True,
            encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, (name, done.stdout, done.stderr)
        return done.stdout


@contextmanager
def workplace(folder: Path) -> Iterator[Workplace]:
    """Serve the registry of a folder while its models are published."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = Workplace(folder, f"http://127.0.0.1:{port}")
    server = subprocess.Popen(
        [*_COMMAND, "serve", "--port", str(port), "--refresh", "0.2"], env=place.env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield place
    finally:
        server.terminate()
        server.wait(30)
