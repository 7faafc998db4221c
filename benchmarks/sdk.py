"""What the Python SDK costs: ``make bench-sdk``.

Overhead is a ratio within one run: `predict` and a bare urllib3 request are asked in
turn, of the same service on loopback, which runs in a process of its own. The rest are
times of this machine, which is named.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cpu
import urllib3
from fault_proxy import FAULTS, PLACES, FaultProxy
from game_loop import play

import hotseat
from hotseat import HotseatError, ModelServiceClient

ROUNDS, TICKETS, TRIES = 2000, 10_000, 9
BODY = json.dumps({"text": "gg wp"}).encode()
IMPORTS = {
    "hotseat": "import hotseat",
    "hotseat, and a client": "import hotseat; hotseat.ModelServiceClient()",
    "urllib3, for comparison": "import urllib3",
}


def spread(seconds, scale):
    """Return median, p99 and worst of some times, in 1 / `scale` seconds."""
    ordered = sorted(each * scale for each in seconds)
    return {
        "median": statistics.median(ordered),
        "p99": ordered[int(0.99 * len(ordered))],
        "worst": ordered[-1],
    }


def timed(job):
    """Return the seconds that a job takes."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def overhead(url):
    """Return predict's median over that of a bare request, asked in turn."""
    pool = urllib3.PoolManager(retries=False)
    headers = {"content-type": "application/json"}

    def bare():
        got = pool.request("POST", f"{url}/model-service", body=BODY, headers=headers,
                           timeout=2.0)  # fmt: skip
        assert json.loads(got.data)["label"] == "gg wp"

    with ModelServiceClient(url) as client:
        for job in (bare, lambda: client.predict("gg wp")):
            job()
        pairs = [
            (timed(bare), timed(lambda: client.predict("gg wp"))) for _ in range(ROUNDS)
        ]
    pool.clear()
    ours = [pair[1] for pair in pairs]
    bare_median = statistics.median(pair[0] for pair in pairs)
    return {
        "bare_us": 1e6 * bare_median,
        **{f"predict_{k}_us": v for k, v in spread(ours, 1e6).items()},
        "ratio": statistics.median(ours) / bare_median,
    }


def tickets(url):
    """Return what submit and ready take, the first submit with its thread included."""
    with ModelServiceClient(url, deadline=30) as client:
        made, submitted, asked = [], [], []
        for number in range(TICKETS):
            text = f"{number}"
            submitted.append(timed(lambda t=text: made.append(client.submit(t))))
            asked.append(timed(made[-1].ready))
            if number % 20 == 19:
                time.sleep(0.001)  # a frame, but a short one
        for ticket in made:
            ticket.result(wait=30)
        asked += [timed(ticket.ready) for ticket in made]
    return {"submit_us": spread(submitted, 1e6), "ready_us": spread(asked, 1e6),
            "first_submit_us": 1e6 * submitted[0]}  # fmt: skip


def deadlines(proxy):
    """Return by how many milliseconds a deadline of 100 ms is passed, by fault."""
    found = {}
    for name in [*list(FAULTS)[1:], *PLACES]:
        proxy.fault(name if name in FAULTS else "none")
        url, over = proxy.url if name in FAULTS else proxy.place(name), []
        for _ in range(TRIES):
            with ModelServiceClient(url, deadline=0.1) as client:
                began = time.perf_counter()
                try:
                    client.predict("gg")
                except HotseatError:
                    over.append(1000 * (time.perf_counter() - began - 0.1))
        found[name] = {"median": statistics.median(over), "worst": max(over)}
    proxy.fault("none")
    return found


def imports():
    """Return milliseconds of an import in a fresh process, on the clock and of work."""
    found = {}
    for name, line in IMPORTS.items():
        code = (
            "import time; b, w = time.perf_counter(), time.process_time()\n"
            f"{line}\nprint(time.perf_counter() - b, time.process_time() - w)"
        )
        took = [
            [1000 * float(each) for each in
             subprocess.check_output([sys.executable, "-c", code]).split()]
            for _ in range(11)
        ]  # fmt: skip
        found[name] = {
            "least": min(each[0] for each in took),
            "median": statistics.median(each[0] for each in took),
            "work": statistics.median(each[1] for each in took),
        }
    return found


def size():
    """Return kB of Python source that a game carries: this package, and urllib3."""
    found = {}
    for module in (hotseat, urllib3):
        folder = Path(module.__file__).parent
        files = [p for p in folder.rglob("*") if p.suffix in {".py", ".typed"}]
        found[module.__name__] = sum(p.stat().st_size for p in files) / 1000
        if module is hotseat:
            found["hotseat without its extras"] = sum(
                p.stat().st_size for p in files
                if "_device" not in p.parts and p.name not in {"aio.py", "sigv4.py"}
            ) / 1000  # fmt: skip
    return found


def main():
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--loop", type=float, default=8, help="seconds of game loop")
    arguments = parser.parse_args()
    with FaultProxy() as proxy:
        found = {
            "cpu": cpu.name(),
            "python": sys.version.partition(" ")[0],
            "overhead": overhead(proxy.url),
            "tickets": tickets(proxy.url),
            "deadlines_ms": deadlines(proxy),
            "imports_ms": imports(),
            "size_kB": size(),
        }
    found["game_loop"] = play(arguments.loop).__dict__ if arguments.loop else None
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    show(found)


def show(found):
    """Print the table."""
    row = "  {:<26} {:>9} {:>9} {:>9}".format
    print(f"{found['cpu']}, Python {found['python']}")
    cost = found["overhead"]
    print(f"predict over a bare urllib3 request: {cost['ratio']:.2f}x "
          f"({cost['predict_median_us']:.0f} us over {cost['bare_us']:.0f} us)"
          )  # fmt: skip
    print(row("microseconds", "median", "p99", "worst"))
    for name in ("submit_us", "ready_us"):
        told = found["tickets"][name].values()
        print(row(name.removesuffix("_us"), *(f"{each:.1f}" for each in told)))
    print(f"  the first submit, which starts a thread: "
          f"{found['tickets']['first_submit_us']:.0f} us")  # fmt: skip
    print(row("past 100 ms, in ms", "median", "worst", ""))
    for name, told in found["deadlines_ms"].items():
        print(row(name, *(f"{each:.1f}" for each in told.values()), ""))
    print(row("import, in ms", "least", "median", "work"))
    for name, told in found["imports_ms"].items():
        print(row(name, *(f"{each:.0f}" for each in told.values())))
    for name, told in found["size_kB"].items():
        print(f"  {name}: {told:.0f} kB")
    if found["game_loop"]:
        loop = found["game_loop"]
        print(f"  {loop['frames']} frames at 60 Hz, the service cut off and back: "
              f"worst {loop['worst']:.2f} ms ({loop['worst_cpu']:.2f} ms of work), "
              f"{loop['over_budget']} over budget")  # fmt: skip


if __name__ == "__main__":
    main()
