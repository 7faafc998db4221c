"""What a cold start imports: ``make bench-imports``. Medians of fresh processes.

powertools is not a dependency: where it is not installed, its line says so.
"""

import os
import statistics
import subprocess
import sys
import tempfile

import cpu

TIMES = 9
LINES = {
    "python alone": "pass",
    "onnxruntime with numpy": "import onnxruntime, numpy",
    "and our handler": "import onnxruntime, numpy, hotseat_serve.handler",
    "boto3 with an S3 client": "import boto3; boto3.client('s3')",
    "FastAPI": "import fastapi",
    "powertools' logger and metrics": (
        "from aws_lambda_powertools import Logger, Metrics; "
        "Logger(service='s'); Metrics(namespace='n', service='s')"
    ),
}


def milliseconds(code, environment):
    """Return how long a fresh process takes, or None where it cannot run."""
    timed = (
        f"import time; a = time.perf_counter(); {code}; print(time.perf_counter() - a)"
    )
    done = subprocess.run(
        [sys.executable, "-c", timed],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return 1000 * float(done.stdout) if done.returncode == 0 else None


def main():
    """Measure, in turn, and print."""
    spent = {what: [] for what in LINES}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ, "HOTSEAT_REGISTRY": folder, "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(TIMES + 1):
            for what, code in LINES.items():
                spent[what].append(milliseconds(code, environment))
    print(f"CPU: {cpu.name()}; median of {TIMES}\n")
    for what, times in spent.items():
        if None in times:
            print(f"- {what}: not installed")
        else:
            print(f"- {what}: {statistics.median(times[1:]):.0f} ms")


if __name__ == "__main__":
    main()
