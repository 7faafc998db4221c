"""A game at 60 Hz whose service is cut off and comes back: ``make game-loop``.

Each frame submits some questions and looks at the tickets of earlier frames. What the
SDK takes of a frame is measured around its calls, as the frame sees it; the service and
the network run in a process of their own. The loop's own work is a wait.
"""

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass

import cpu
from fault_proxy import FaultProxy

from hotseat import ModelServiceClient

FRAME = 1 / 60
QUESTIONS = 5
"""Asked in each frame."""


@dataclass(frozen=True)
class Played:
    """What came of a loop; times in milliseconds."""

    seconds: float
    frames: int
    over_budget: int
    """Frames of which the SDK alone took more than there is."""
    median: float
    p99: float
    worst: float
    worst_cpu: float
    """What the SDK itself worked in a frame; the rest is whoever shares the machine."""
    answers: int
    defaults: int
    resumed: float
    """Seconds after the network came back until answers did."""
    openings: int


def play(seconds, fault="silent"):
    """Play, with the network gone for the second quarter of the time."""
    with FaultProxy() as proxy, ModelServiceClient(proxy.url, deadline=0.25) as client:
        client.submit("warm").result(wait=5)
        taken, worked, tickets = [], [], []
        answers = defaults = 0
        cut, back, resumed = seconds / 4, seconds / 2, None
        start = now = time.perf_counter()
        while now - start < seconds:
            if cut is not None and now - start >= cut:
                proxy.fault(fault)
                cut = None
            if back is not None and now - start >= back:
                proxy.fault("none")
                back, since = None, time.perf_counter()
            began, working = time.perf_counter(), time.thread_time()
            tickets += [
                client.submit({"x": len(taken), "y": n}) for n in range(QUESTIONS)
            ]
            waiting = []
            for ticket in tickets:
                if not ticket.ready():
                    waiting.append(ticket)
                elif ticket.result("none").is_default:
                    defaults += 1
                else:
                    answers += 1
                    if back is None and resumed is None:
                        resumed = time.perf_counter() - since
            tickets = waiting
            worked.append(1000 * (time.thread_time() - working))
            taken.append(1000 * (time.perf_counter() - began))
            time.sleep(max(0, FRAME - (time.perf_counter() - now)))
            now = time.perf_counter()
        return Played(
            seconds=round(now - start, 2),
            frames=len(taken),
            over_budget=sum(each > 1000 * FRAME for each in taken),
            median=statistics.median(taken),
            p99=sorted(taken)[int(0.99 * len(taken))],
            worst=max(taken),
            worst_cpu=max(worked),
            answers=answers,
            defaults=defaults,
            resumed=-1.0 if resumed is None else resumed,
            openings=client.circuit_opened_count,
        )


def main():
    """Play once and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    played = play(arguments.seconds)
    if arguments.json:
        print(json.dumps({"cpu": cpu.name(), **asdict(played)}))
        return
    print(f"{played.seconds:g} s at 60 Hz on {cpu.name()}: {played.frames} frames, "
          f"{QUESTIONS} questions each")  # fmt: skip
    print(f"  the SDK's part of a frame: median {played.median:.3f} ms, "
          f"p99 {played.p99:.3f} ms, worst {played.worst:.2f} ms "
          f"({played.worst_cpu:.2f} ms of work); over 16.7 ms: {played.over_budget}"
          )  # fmt: skip
    print(f"  {played.answers} answers, {played.defaults} defaults; the circuit opened "
          f"{played.openings} times; answers {played.resumed:.1f} s after the network"
          )  # fmt: skip


if __name__ == "__main__":
    main()
