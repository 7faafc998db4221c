"""One model's whole life: train, publish, serve, ask, promote, roll back.

``make demo`` runs it in .hotseat and reuses what stands there; the end-to-end test
runs it in an empty folder, on few rows.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from hotseat import ModelServiceClient, Prediction
from hotseat_registry import Registry, open_registry

TEXT = "这是一个简单的文本分类任务"
HELD_OUT = 3


@dataclass(frozen=True)
class Journey:
    """Where it happens, and how it is told."""

    folder: Path
    say: Callable[[str], None]
    options: Sequence[str] = ()
    """Of both trainings."""

    @property
    def registry(self) -> Registry:
        """The folder registry."""
        return open_registry(f"file://{(self.folder / 'registry').as_posix()}")

    def hotseat(self, *arguments: object) -> str:
        """Run the command, tell what it printed, and return it."""
        words = [str(argument) for argument in arguments]
        self.say(f"$ hotseat {shlex.join(words)}")
        done = subprocess.run(
            [sys.executable, "-m", "hotseat._cli", *words],
            env=self.environment(),
            stdout=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )
        self.say(done.stdout.rstrip())
        assert done.returncode == 0, f"hotseat {words[0]} exited {done.returncode}"
        return done.stdout

    def environment(self) -> dict[str, str]:
        """The registry of this journey for every verb."""
        here = {"HOTSEAT_REGISTRY": self.registry.store.uri, "PYTHONUTF8": "1"}
        return {**os.environ, **here}

    def publish(self, optimizer: str) -> str:
        """Train, quantize, measure and publish, unless it was done before."""
        run = self.folder / "runs" / "sentiment" / f"demo-{optimizer}"
        for number in self.registry.versions("sentiment"):
            reference = f"sentiment@{number}"
            shown = subprocess.run(
                [sys.executable, "-m", "hotseat._cli", "show", reference, "--json"],
                env=self.environment(),
                stdout=subprocess.PIPE,
                check=True,
            )
            if json.loads(shown.stdout)["lineage"]["run"] == run.name:
                self.say(f"{reference} stands already ({run})")
                return reference
        if not (run / "run.json").exists():
            self.hotseat("train", "sentiment", "--optimizer", optimizer,
                         "--run", run, *self.options)  # fmt: skip
        self.say(f"the loss curve: {run / 'curve.png'}")
        self.hotseat("quantize", run)
        self.hotseat("evaluate", run)
        found = re.search(r"published (\S+)", self.hotseat("publish", run))
        assert found
        return found[1]

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the registry on a free port and yield the base URL."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["serve", "--port", str(port), "--refresh", "1"]
        self.say(f"$ hotseat {shlex.join(command)} &")
        server = subprocess.Popen(
            [sys.executable, "-m", "hotseat._cli", *command],
            env=self.environment(),
            stdout=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            with ModelServiceClient(url) as client:
                wait(client.ready, "the service to be ready")
            yield url
        finally:
            server.terminate()
            server.wait(10)

    def over_http(self, url: str, text: str) -> dict[str, object]:
        """Ask as curl would."""
        body = json.dumps({"text": text}, ensure_ascii=False)
        self.say(f"$ curl -XPOST {url}/model-service -d '{body}'")
        response = urllib3.request(
            "POST",
            f"{url}/model-service",
            body=body.encode(),
            headers={"content-type": "application/json"},
        )
        assert response.status == 200, response.data
        self.say(response.data.decode())
        answer: dict[str, object] = response.json()
        return answer

    def tell(self, how: str, answer: Prediction) -> None:
        """Print what the SDK returned, in one line."""
        self.say(
            f"{how}: {answer.label} {answer.probability:.3f}, said by "
            f"{answer.model}@{answer.version} ({answer.variant}), "
            f"request {answer.request_id}"
        )

    def held_out(self) -> list[str]:
        """A few golden rows: reviews that no training has seen."""
        golden = self.folder / "runs" / "sentiment" / "demo-sgd" / "golden.json"
        rows = json.loads(golden.read_text("utf-8"))["rows"]
        return [row["input"]["text"] for row in rows[:HELD_OUT]]

    def tell_variants(self, *references: str) -> None:
        """Print what was measured of every variant of these versions."""
        self.say(f"{'version':<13} {'variant':<13} {'accuracy (95 %)':<23} KiB  ms")
        for reference in references:
            number = int(reference.rpartition("@")[2])
            for variant in self.manifest(number)["variants"]:
                m = variant["metrics"]
                low, high = m["interval"]
                self.say(
                    f"{reference:<13} {variant['name']:<13} {m['accuracy']:.3f} "
                    f"({low:.3f} to {high:.3f})  {m['bytes'] / 1024:5.0f}  "
                    f"{m['milliseconds']:.3f}"
                )

    def manifest(self, number: int) -> dict:
        """The manifest of a version."""
        path = self.folder / f"registry/models/sentiment/versions/{number}.json"
        return json.loads(path.read_text("utf-8"))

    def run(self) -> None:
        """Go the whole way."""
        self.say("\n1. A version by stochastic gradient descent")
        first = self.publish("sgd")
        self.hotseat("model", "promote", first, "--because", "first")
        with self.served() as url, ModelServiceClient(url) as client:
            self.say("\n2. The same sentence over HTTP and through the SDK")
            over_http = self.over_http(url, TEXT)
            one = client.predict(TEXT)
            self.tell("SDK", one)
            for text in self.held_out():
                self.tell(f"SDK, {text[:24]}", client.predict(text))
            said = (one.label, dict(one.scores), f"{one.model}@{one.version}")
            assert said == (over_http["label"], over_http["scores"], first)

            self.say("\n3. Another version, by Adam; promoted while serving")
            second = self.publish("adam")
            self.hotseat("model", "promote", second, "--because", "another optimizer")
            wait(lambda: named(client.predict(TEXT)) == second, second)
            self.tell("SDK, after the promote", client.predict(TEXT))

            self.say("\n4. Rolled back, without a restart")
            self.hotseat("model", "rollback", "sentiment", "--because", "the drill")
            wait(lambda: named(client.predict(TEXT)) == first, first)
            back = client.predict(TEXT)
            self.tell("SDK, after the roll back", back)
            assert (back.label, dict(back.scores)) == (one.label, dict(one.scores))
        self.say("\n5. What was measured, and who moved what")
        self.tell_variants(first, second)
        self.hotseat("model", "history", "sentiment")


def named(answer: Prediction) -> str:
    """Which version answered."""
    return f"{answer.model}@{answer.version}"


def wait(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.1)


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    Journey(Path(".hotseat"), lambda line: sys.stdout.write(f"{line}\n")).run()
