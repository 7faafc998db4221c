"""A folder registry with three real models, made within seconds; then it is served.

``python tests/playground.py FOLDER`` makes it and prints its URI. They take the
graphs that come along, and are made anew where other ones do.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotseat_registry import LIVE, Manifest, Reference, Registry, Variant, open_registry
from hotseat_train.tasks import sokoban_levels

TRAINED = Path(__file__).parents[1] / "training/hotseat_train/trained"
# a copy of the data sets beside the checkout, where there is one
DATA = Path(__file__).parents[2] / "shared/datasets"


def furnish(folder: Path) -> str:
    """Publish and promote the three models, unless they are there; return the URI."""
    folder = folder / _graphs()
    uri = f"file://{(folder / 'registry').as_posix()}"
    registry = open_registry(uri)
    there = [name for name in registry.models() if registry.aliases(name).get(LIVE)]
    for name, steps in (
        ("connect-four", (("train", "connect-four", "--pretrained"),)),
        ("chat-moderation", (("train", "chat-moderation", "--pretrained"),
                             ("evaluate",))),
    ):  # fmt: skip
        if name not in there:
            run = folder / name
            for step in steps:
                which = ("--run", run) if step[0] == "train" else (run,)
                _hotseat(uri, *step, *which)
            _hotseat(uri, "publish", run)
            registry.promote(Reference(name, version=1), alias=LIVE, by="playground")
    if "sokoban-levels" not in there:
        _publish_levels(registry)
    return uri


def _graphs() -> str:
    """Name the graphs that come along by what is in their folders."""
    digest = hashlib.sha256()
    for path in sorted(path for path in TRAINED.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _publish_levels(registry: Registry) -> None:
    """Publish the generator as it is; measuring it takes longer than all of a test."""
    task = sokoban_levels.TASK
    manifest = Manifest(
        model=task.name,
        kind=task.kind,
        signature=task.signature(),
        variants=(Variant("fp32", "model.onnx"),),
        default_variant="fp32",
    )
    files = {"model.onnx": TRAINED / task.name / "model.onnx"}
    registry.publish(manifest, files, by="playground")
    registry.promote(Reference(task.name, version=1), alias=LIVE, by="playground")


@contextmanager
def served(
    uri: str, *options: str, port: int = 0
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve a registry; yields the base URL and the process."""
    command = [
        "serve",
        "--registry",
        uri,
        "--port",
        str(port),
        "--model",
        "chat-moderation",
        "--downloads",
        "*",
    ]
    server = subprocess.Popen(
        [sys.executable, "-m", "hotseat._cli", *command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    assert server.stdout is not None
    try:
        first = server.stdout.readline()
        assert " on http://" in first, first
        yield first.rpartition(" on ")[2].strip(), server
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


def _hotseat(uri: str, *words: object) -> None:
    environment = dict(os.environ)
    if os.environ.get("HOTSEAT_NO_DATA"):  # as on a machine that has none
        environment.pop("HOTSEAT_DATA", None)
    elif DATA.is_dir():
        environment.setdefault("HOTSEAT_DATA", str(DATA))
    command = [sys.executable, "-m", "hotseat._cli", *map(str, words)]
    if words[0] == "publish":
        command += ["--registry", uri]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    sys.stdout.write(furnish(Path(sys.argv[1])) + "\n")
