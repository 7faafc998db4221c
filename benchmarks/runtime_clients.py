"""What a runtime client adds to an invocation: ``make bench-runtime``.

A bare onnxruntime handler and Hotseat's handler, each under AWS's runtime client
(awslambdaric) and under the image's own loop, over the same stand-in of the Runtime API
on loopback, in turn. A row of 32 numbers in JSON, in a REST API's event.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cpu
from coldstart import BARE, event, publish
from runtime_api import RuntimeApi

CLIENTS = {"awslambdaric": "awslambdaric", "loop": "hotseat_serve.lambda_loop"}
FAST = BARE.replace("import json\n", "import orjson as json\n").replace(
    'json.dumps({"data": scores[0].tolist()})',
    'json.dumps({"data": scores[0].tolist()}).decode()',
)
"""The bare handler with the same JSON library as Hotseat's."""


def started(client, handler, folder, environment):
    """Start a function; return its API and its process."""
    api = RuntimeApi()
    process = subprocess.Popen(
        [sys.executable, "-m", client, handler],
        cwd=folder,
        env={**os.environ, "AWS_LAMBDA_RUNTIME_API": api.address, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return api, process


def microseconds(functions, rounds, calls=200):
    """Return the microseconds of an invocation of each: the fastest tenth, in turn."""
    one = event()
    spent = {name: [] for name in functions}
    for _ in range(rounds):
        for name, (api, _) in functions.items():
            for _ in range(calls):
                began = time.perf_counter_ns()
                api.invoke(one)
                spent[name].append(time.perf_counter_ns() - began)
    return {
        name: sorted(times)[len(times) // 10] / 1000 for name, times in spent.items()
    }


def main():
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare.py").write_text(FAST)
        settings = {
            "HOTSEAT_REGISTRY": publish(folder).store.uri,
            "HOTSEAT_STATIC": "1",
            "HOTSEAT_CACHE": str(folder / "cache"),
        }
        functions = {
            (what, title): started(client, handler, folder, environment)
            for what, handler, environment in (
                ("bare onnxruntime", "bare.handler", {}),
                ("Hotseat", "hotseat_serve.handler.handler", settings),
            )
            for title, client in CLIENTS.items()
        }
        try:
            for api, _ in functions.values():
                assert api.ask(event())["statusCode"] == 200
            microseconds(functions, 1)
            times = microseconds(functions, rounds)
        finally:
            for api, process in functions.values():
                process.kill()
                process.wait()
                api.close()
    base = times["bare onnxruntime", "loop"]
    print(f"CPU: {cpu.name()}\n")
    print("| handler | client | an invocation | of the bare one in the loop |")
    print("|---|---|---|---|")
    for (what, title), spent in times.items():
        print(f"| {what} | {title} | {spent:.0f} us | {spent / base:.2f}x |")
    ours, theirs = times["Hotseat", "loop"], times["Hotseat", "awslambdaric"]
    print(f"\nHotseat in the loop of its time under awslambdaric: {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
