"""From `pip install` to the first answer of a model that was trained elsewhere.

Builds both wheels, and then, in an empty environment, runs the tutorial's commands for
voice activity detection (silero-vad, 2.2 MB): install the extra `publish`, publish,
promote, serve, ask. Each step's seconds are those of the wall clock; the first one
depends on the network and on pip's cache. The wheels' build is not counted.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cpu import name as cpu_name

ROOT = Path(__file__).parents[1]
MODEL = ROOT / ".venv/models/silero_vad/data/silero_vad.onnx"
WAIT = 60


def main() -> int:
    """Print the seconds of each step and of all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheels = [_wheel(project, folder) for project in (ROOT / "sdk/python", ROOT)]
        seconds: dict[str, float] = {}
        python = _installed(folder, wheels, seconds)
        answer = _asked(folder, python, seconds)
        total = sum(seconds.values())
    for step, took in seconds.items():
        print(f"  {step:34} {took:7.2f} s")
    print(f"  {'pip install to first answer':34} {total:7.2f} s  ({cpu_name()})")
    print(f"  the answer: speech {answer['outputs']['output'][0][0]:.3f}")
    return 0


def _wheel(project: Path, folder: Path) -> Path:
    """Build a wheel and return its path."""
    into = folder / project.name
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", into, project]
    subprocess.run(command, check=True, capture_output=True)
    return next(into.glob("*.whl"))


def _installed(folder: Path, wheels: list[Path], seconds: dict[str, float]) -> Path:
    """Install the wheels with the extra `publish`; return the environment's Python."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    sdk, platform = wheels
    with _timed("pip install, extra publish", seconds):
        command = [python, "-m", "pip", "install", "-q", sdk, f"{platform}[publish]"]
        subprocess.run(command, check=True)
    return python


def _asked(folder: Path, python: Path, seconds: dict[str, float]) -> dict:
    """Publish, promote, serve and ask; return the answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HOTSEAT_REGISTRY": f"file://{folder}/registry",
        "HOTSEAT_URL": f"http://127.0.0.1:{port}",
    }
    (folder / "samples.json").write_text(json.dumps({"input": [[0.1] * 512]}))

    def hotseat(*words: str) -> str:
        command = [python.with_name("hotseat"), *words]
        done = subprocess.run(
            command, cwd=folder, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout

    with _timed("hotseat publish", seconds):
        hotseat("publish", str(MODEL), "--model", "voice", "--default", "sr=16000",
                "--default", "state=0")  # fmt: skip
    with _timed("hotseat model promote", seconds):
        hotseat("model", "promote", "voice@1")
    with _timed("hotseat serve and predict", seconds):
        server = subprocess.Popen(
            [python.with_name("hotseat"), "serve", "--port", str(port)],
            cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(port)
            text = hotseat("predict", "--model", "voice", "--input", "samples.json",
                           "--json", "--deadline", "30")  # fmt: skip
        finally:
            server.terminate()
            server.wait(30)
    answer: dict = json.loads(text)
    return answer


def _wait(port: int) -> None:
    """Wait until the service listens."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)
    raise SystemExit(f"the service did not listen within {WAIT} s")


@contextmanager
def _timed(step: str, seconds: dict[str, float]) -> Iterator[None]:
    """Measure a step's seconds."""
    began = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
