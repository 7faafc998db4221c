"""The verb `demo`: a playground in the browser, or the life cycle of one model.

The life cycle prints each command.
It runs each command in its own process, as a person would type it. The end-to-end test
runs the demo in an empty folder, on few rows.
"""

import argparse
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hotseat._cli import catalogue
from hotseat._cli.install_hint import install_command
from hotseat._client import ModelServiceClient
from hotseat._types import Prediction

MODEL = "sentiment"
TEXT = "这是一个简单的文本分类任务"
ROWS = 4_000
HELD_OUT = 3
"""Number of further reviews to predict, from the test split."""


class DemoError(Exception):
    """A step of the demo failed."""


def demo(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], int]:
    """Play with models in the browser; with --train, follow a model's life."""
    parser.description = (
        "Open a playground in the browser within seconds: Connect Four at five "
        "strengths, a moderated chat, Sokoban levels, churn. It trains nothing, needs "
        "no data set and no network; promote and roll back versions while playing, or "
        "pull the cable. With --train, show a model's whole life instead: train a "
        "text model twice, publish, serve, predict, promote and roll back, with each "
        "command printed. That takes about a minute."
    )
    parser.epilog = (
        "example: hotseat demo\nexample: hotseat demo --train --folder my-demo\n"
        "example: hotseat demo --registry file:///models --with npc-lines#live"
    )
    parser.add_argument(
        "--port", type=int, default=0, help="of the page (default: a free one)"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address, open nothing"
    )
    parser.add_argument("--registry", metavar="URI", help="of versions to bring along")
    parser.add_argument(
        "--with", dest="brought", metavar="REFERENCE", action="append", default=[],
        help="a version of --registry to play with too, such as a text model",
    )  # fmt: skip
    parser.add_argument(
        "--train", action="store_true", help="show a model's life instead of the page"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="with --train: keep runs and registry here, and reuse them (default: a "
        "temporary folder, deleted at the end)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="with --train: train on all rows, which takes minutes (default: on "
        f"{ROWS:,})",
    )
    return _demo


def _demo(arguments: argparse.Namespace) -> int:
    # as in the releases before the playground, these two options alone mean --train
    if arguments.train or arguments.folder or arguments.full:
        return _life_cycle(arguments)
    for entry in entry_points(group="hotseat.playgrounds"):
        with suppress(ImportError):  # without its extra
            play: Callable[[argparse.Namespace], int] = entry.load()
            return play(arguments)
    print(
        "hotseat demo serves models, which needs more than the SDK: "
        f"{install_command('demo')}",
        file=sys.stderr,
    )
    return 1


def _life_cycle(arguments: argparse.Namespace) -> int:
    verbs = catalogue.installed()
    if not {"train", "serve", "model promote"} <= verbs.keys():
        print(
            "hotseat demo --train trains and serves a model, which needs more than the "
            f"SDK: {install_command('train')}",
            file=sys.stderr,
        )
        return 1
    options = () if arguments.full else ("--rows", str(ROWS), "--max-epochs", "5")

    def say(line: str) -> None:
        print(line, flush=True)

    try:
        if arguments.folder:
            Demo(arguments.folder, say, options).run()
            return 0
        with tempfile.TemporaryDirectory(prefix="hotseat-demo-") as folder:
            Demo(Path(folder), say, options).run()
    except DemoError as error:
        print(f"hotseat: {error}", file=sys.stderr)
        return 1
    return 0


@dataclass(frozen=True)
class Demo:
    """The folder of the demo, its output, and the options of both trainings."""

    folder: Path
    say: Callable[[str], None]
    options: Sequence[str] = ()

    def run(self) -> None:
        """Run all steps; raises `DemoError`."""
        self.say("\n1. A version trained by stochastic gradient descent")
        first = self.publish("sgd")
        self.hotseat("model", "promote", first, "--because", "first")
        with self.served() as url, ModelServiceClient(url) as client:
            self.say("\n2. The same sentence over HTTP and through the SDK")
            over_http = self.over_http(url, TEXT)
            answer = client.predict(TEXT)
            self.show("SDK", answer)
            for text in self.held_out():
                self.show(f"SDK, {text[:24]}", client.predict(text))
            through_sdk = (answer.label, dict(answer.scores), _version(answer))
            _expect(
                through_sdk == (over_http["label"], over_http["scores"], first),
                "HTTP and the SDK give different answers",
            )

            self.say("\n3. A version trained by Adam, promoted while the service runs")
            second = self.publish("adam")
            self.hotseat("model", "promote", second, "--because", "another optimizer")
            _wait(lambda: _version(client.predict(TEXT)) == second, second)
            self.show("SDK, after the promote", client.predict(TEXT))

            self.say("\n4. Rolled back, without a restart")
            self.hotseat("model", "rollback", MODEL, "--because", "the drill")
            _wait(lambda: _version(client.predict(TEXT)) == first, first)
            back = client.predict(TEXT)
            self.show("SDK, after the roll back", back)
            _expect(
                (back.label, dict(back.scores)) == (answer.label, dict(answer.scores)),
                f"{first} answers differently after the roll back",
            )
        self.say("\n5. The measured variants, and the moves of the alias")
        self.show_variants(first, second)
        self.hotseat("model", "history", MODEL)

    def hotseat(self, *arguments: object) -> str:
        """Run the command, print it and its output, and return the output."""
        words = [str(argument) for argument in arguments]
        self.say(f"$ hotseat {shlex.join(words)}")
        return self.output(*words, each=self.say)

    def output(
        self, *words: str, each: Callable[[str], None] = lambda _line: None
    ) -> str:
        """Return the output of the command; call `each` with each line at once.

        Raises `DemoError` if the command fails.
        """
        lines = []
        with subprocess.Popen(  # noqa: S603 (our own command)
            _command(*words),
            env=self.environment(),
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as process:
            for line in process.stdout or ():
                lines.append(line)
                each(line.rstrip())
        _expect(
            process.returncode == 0,
            f"hotseat {shlex.join(words)} exited with {process.returncode}",
        )
        return "".join(lines)

    def environment(self) -> dict[str, str]:
        """Return the environment of each command, with the registry's URI."""
        uri = f"file://{(self.folder / 'registry').absolute().as_posix()}"
        return {**os.environ, "HOTSEAT_REGISTRY": uri, "PYTHONUTF8": "1"}

    def publish(self, optimizer: str) -> str:
        """Train, quantize, evaluate and publish, unless the folder has the version."""
        run = self.folder / "runs" / MODEL / f"demo-{optimizer}"
        if (self.folder / "registry").is_dir():
            for version in json.loads(self.output("model", "versions", "--json")):
                reference = f"{version['model']}@{version['version']}"
                if self.manifest(reference)["lineage"]["run"] == run.name:
                    self.say(f"{reference} is published already ({run})")
                    return reference
        if not (run / "run.json").exists():
            self.hotseat("train", MODEL, "--optimizer", optimizer,
                         "--run", run, *self.options)  # fmt: skip
        self.say(f"the loss curve: {run / 'curve.png'}")
        self.hotseat("quantize", run)
        self.hotseat("evaluate", run)
        published = re.search(r"published (\S+)", self.hotseat("publish", run))
        if published is None:
            raise DemoError("hotseat publish printed no version")
        return published[1]

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the registry on a free port and yield the base URL."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["serve", "--port", str(port), "--refresh", "1"]
        self.say(f"$ hotseat {shlex.join(words)} &")
        server = subprocess.Popen(  # noqa: S603 (our own command)
            _command(*words), env=self.environment(), stdout=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{port}"
        try:
            with ModelServiceClient(url) as client:
                _wait(client.ready, "the service to be ready")
            yield url
        finally:
            server.terminate()
            server.wait(10)

    def over_http(self, url: str, text: str) -> dict[str, Any]:
        """Predict over HTTP, as curl does."""
        import urllib3

        body = json.dumps({"text": text}, ensure_ascii=False)
        self.say(f"$ curl {url}/model-service -d '{body}'")
        response = urllib3.request(
            "POST",
            f"{url}/model-service",
            body=body.encode(),
            headers={"content-type": "application/json"},
        )
        self.say(response.data.decode())
        _expect(response.status == 200, f"the service answered {response.status}")
        answer: dict[str, Any] = response.json()
        return answer

    def show(self, how: str, answer: Prediction) -> None:
        """Print an answer of the SDK in one line."""
        self.say(
            f"{how}: {answer.label} {answer.probability:.3f}, by "
            f"{answer.model}@{answer.version} ({answer.variant}), "
            f"request {answer.request_id}"
        )

    def held_out(self) -> list[str]:
        """Return a few golden rows: reviews outside the training split."""
        golden = self.folder / "runs" / MODEL / "demo-sgd" / "golden.json"
        rows = json.loads(golden.read_text("utf-8"))["rows"]
        return [row["input"]["text"] for row in rows[:HELD_OUT]]

    def show_variants(self, *references: str) -> None:
        """Print the measurements of every variant of these versions."""
        self.say(f"{'version':<13} {'variant':<13} {'accuracy (95 %)':<23} KiB  ms")
        for reference in references:
            for variant in self.manifest(reference)["variants"]:
                m = variant["metrics"]
                low, high = m["interval"]
                self.say(
                    f"{reference:<13} {variant['name']:<13} {m['accuracy']:.3f} "
                    f"({low:.3f} to {high:.3f})  {m['bytes'] / 1024:5.0f}  "
                    f"{m['milliseconds']:.3f}"
                )

    def manifest(self, reference: str) -> dict[str, Any]:
        """Return the manifest of a version."""
        manifest: dict[str, Any] = json.loads(
            self.output("model", "show", reference, "--json")
        )
        return manifest


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "hotseat._cli", *words]


def _version(answer: Prediction) -> str:
    """Return the version of an answer, as sentiment@1."""
    return f"{answer.model}@{answer.version}"


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise DemoError(message)


def _wait(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until a condition is true; raises `DemoError` after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        _expect(time.monotonic() < end, f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)
