"""An hour of a busy function, squeezed: ``make soak``. Memory has to stay flat.

Good and bad requests of all sorts go through the room in one process; the resident
memory is read while it runs, after a tenth of it for the runtime's own pools to fill.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import cpu
import numpy as np
from coldstart import publish
from runtime_clients import CLIENTS, started
from serving import WIDTH, router_of

from hotseat_serve.api.messages import Request
from hotseat_serve.api.telemetry import Telemetry


def requests():
    """Return requests as games send them, some of them wrong."""
    random = np.random.default_rng(0)
    made = []
    for rows in (1, 1, 1, 8, 64):
        data = random.normal(size=(rows, WIDTH)).round(4).tolist()
        item = {"name": "features", "shape": [rows, WIDTH], "datatype": "FP32"}
        infer = json.dumps({"inputs": [{**item, "data": data}]}).encode()
        game = json.dumps({"inputs": data, "player_id": "p-1"}).encode()
        made += [
            Request("POST", "/v2/models/net/infer", infer, {}, "r"),
            Request("POST", "/v1/models/net/predict", game, {}, "r"),
        ]
    made += [
        Request("POST", "/v2/models/net/infer", b"{", {}, "r"),
        Request("POST", "/v1/models/nobody/predict", b"{}", {}, "r"),
        Request("GET", "/v1/models/net", b"", {"accept-encoding": "gzip"}, "r"),
        Request("POST", "/v1/models/net/predict", b"{}", {"deadline-ms": "0"}, "r"),
    ]
    return made


def resident():
    """Return this process's resident memory in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def soak(count):
    """Send `count` requests; return memory after a tenth, and at the end, in bytes."""
    with tempfile.TemporaryDirectory() as name:
        router = router_of(Path(name))
        router.telemetry = Telemetry({}, write=lambda _line: None)
        made = requests()
        early = 0
        for number in range(count):
            if number == count // 10:
                early = resident()
            # another path each time: what is kept by path must have an end
            request = made[number % len(made)]
            if number % 50 == 0:
                request = Request("GET", f"/v2/models/m{number}", b"", {}, "r")
            router.answer(request)
        return early, resident()


def event_of(request):
    """Return a request as a REST API's event."""
    return {
        "resource": "/{proxy+}",
        "httpMethod": request.method,
        "path": request.path,
        "headers": dict(request.headers),
        "requestContext": {"stage": "prod"},
        "body": request.body.decode(),
        "isBase64Encoded": False,
    }


def soak_loop(count):
    """Send `count` events to the function in its runtime loop.

    Return its resident memory after a tenth, and at the end, in bytes.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = {"HOTSEAT_REGISTRY": publish(folder).store.uri}
        api, process = started(
            CLIENTS["loop"], "hotseat_serve.handler.handler", folder, settings
        )
        statm = Path(f"/proc/{process.pid}/statm")
        events = [json.dumps(event_of(request)).encode() for request in requests()]

        def memory():
            return int(statm.read_text().split()[1]) * resource.getpagesize()

        early = 0
        try:
            for number in range(count):
                if number == count // 10:
                    early = memory()
                answer = api.ask(events[number % len(events)])
                assert answer["statusCode"] < 500 or "deadline" in answer["body"]
                api.calls.clear()
            return early, memory()
        finally:
            process.kill()
            process.wait()
            api.close()


def main():
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument(
        "--loop", action="store_true", help="through the runtime loop of the image"
    )
    arguments = parser.parse_args()
    count = arguments.requests
    began = time.monotonic()
    early, late = (soak_loop if arguments.loop else soak)(count)
    print(f"CPU: {cpu.name()}")
    print(f"{count:,} requests in {time.monotonic() - began:.0f} s")
    print(f"memory after a tenth {early / 1e6:.1f} MB, at the end {late / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
