"""The first request of a function, opened in the init phase or not, against the second.

``make bench-first``: publishes a small text model into a folder, and
starts one process for each measurement, as Lambda starts an environment.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
STARTS = 9


def main() -> None:
    """Print milliseconds of the first and second request, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        registry = Path(folder, "registry")
        _run("train", "sentiment", "--run", Path(folder, "run"), "--rows", "500",
             "--max-epochs", "1")  # fmt: skip
        _run("evaluate", Path(folder, "run"))
        _run("publish", Path(folder, "run"), "--registry", registry)
        _run("model", "promote", "sentiment@1", "--registry", registry)
        print("kind                      first   second   ratio (medians of 9 starts)")
        for name, warm, kind in (
            ("not opened in init", "0", "on-demand"),
            ("opened, on demand", "1", "on-demand"),
            ("opened, provisioned", "1", "provisioned-concurrency"),
        ):
            environment = {
                **os.environ,
                "HOTSEAT_REGISTRY": f"file://{registry}",
                "HOTSEAT_DEFAULT_MODEL": "sentiment",
                "HOTSEAT_WARM": warm,
                "HOTSEAT_LOG": "0",
                "AWS_LAMBDA_INITIALIZATION_TYPE": kind,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            }
            rows = []
            for number in range(STARTS):
                environment["HOTSEAT_CACHE"] = str(Path(folder, f"{name}-{number}"))
                done = subprocess.run(
                    [sys.executable, __file__, "one"],
                    env=environment, check=True, capture_output=True, text=True,
                )  # fmt: skip
                rows.append(json.loads(done.stdout))
            first, second = (
                statistics.median(column) for column in zip(*rows, strict=True)
            )
            print(f"{name:24s}{first:7.2f} {second:8.2f} {first / second:7.2f}")


def _run(*words: object) -> None:
    command = [sys.executable, "-m", "hotseat._cli", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


def _one() -> None:
    """Import the handler as Lambda does, and print the time of two requests."""
    from hotseat_serve.handler import handler

    class Context:
        aws_request_id = "r"

        @staticmethod
        def get_remaining_time_in_millis() -> int:
            return 10_000

    event = {
        "requestContext": {"stage": "prod"},
        "httpMethod": "POST",
        "path": "/model-service",
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"text": "这是一个简单的文本分类任务"}),
        "isBase64Encoded": False,
    }
    times = []
    for _ in range(2):
        began = time.perf_counter()
        answer = handler(event, Context)
        times.append(1000 * (time.perf_counter() - began))
        assert answer["statusCode"] == 200, answer
    print(json.dumps(times))


if __name__ == "__main__":
    _one() if sys.argv[1:] == ["one"] else main()
