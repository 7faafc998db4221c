"""Model servers beside each other: ``make bench-peers``.

MLServer, KServe, LitServe and BentoML, each in an environment of its own under
``.venv/peers``, and ``hotseat serve`` serve the same ONNX file with the same session
options. They get the same JSON over keep-alive connections of the same client, in turn:
while one is measured, the others are stopped (SIGSTOP). The servers share the first
processor of this process, the client has the last. Ratios are to a raw run of the
session on the servers' processor.
"""

import argparse
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import cpu
import numpy as np
import onnxruntime
from coldstart import publish
from peer_servers import SERVERS, free_port, write

ROWS = (1, 1000)
CONNECTIONS = 8
PATH = "/v2/models/net/infer"
ROOT = Path(__file__).parents[1]
CORES = sorted(os.sched_getaffinity(0))
TICKS = os.sysconf("SC_CLK_TCK")


def request_of(rows):
    """Return the whole HTTP request of so many rows."""
    numbers = np.random.default_rng(rows).normal(size=rows * 32)
    data = [round(float(number), 6) for number in numbers]
    tensor = {
        "name": "features", "shape": [rows, 32], "datatype": "FP32", "data": data,
    }  # fmt: skip
    body = json.dumps({"inputs": [tensor]}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def descendants(pid):
    """Return a process and all that it started, from /proc."""
    pids, at = [pid], 0
    while at < len(pids):
        try:
            children = Path(f"/proc/{pids[at]}/task/{pids[at]}/children").read_text()
        except OSError:
            children = ""
        pids += [int(child) for child in children.split()]
        at += 1
    return pids


class Server:
    """One running server, and connections to it."""

    def __init__(self, name, command, folder, port, environment):
        """Start it and wait for the first answer."""
        self.name, self.port, self.connections = name, port, []
        began = time.perf_counter()
        os.sched_setaffinity(0, CORES[:1])  # it inherits the processor
        with (folder / f"{name}.log").open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **environment},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        os.sched_setaffinity(0, CORES[-1:])
        while not self._answers():
            assert self.process.poll() is None, (folder / f"{name}.log").read_text()
            if time.perf_counter() > began + 60:
                self.close()
                raise TimeoutError((folder / f"{name}.log").read_text())
            time.sleep(0.005)
        self.first = time.perf_counter() - began

    def _answers(self):
        try:
            self.connect(1)
            return self.ask(request_of(1)) == 200
        except OSError:
            return False

    def connect(self, count):
        """Open so many connections in place of the ones before."""
        for connection in self.connections:
            connection.close()
        self.connections = [
            socket.create_connection(("127.0.0.1", self.port), 60) for _ in range(count)
        ]

    def ask(self, request):
        """Send a request on the first connection; return its status."""
        self.connections[0].sendall(request)
        return read(self.connections[0])

    def latency_us(self, request, calls):
        """Return the lower decile of the microseconds of one request at a time."""
        spent = []
        for _ in range(calls):
            began = time.perf_counter_ns()
            assert self.ask(request) == 200
            spent.append(time.perf_counter_ns() - began)
        return sorted(spent)[calls // 10] / 1000

    def load(self, request, calls):
        """Return requests a second over all connections, and CPU of each in us."""
        selector, cpu_before = selectors.DefaultSelector(), self.cpu()
        began, sent = time.perf_counter(), len(self.connections)
        for connection in self.connections:
            selector.register(connection, selectors.EVENT_READ)
            connection.sendall(request)
        done = 0
        while done < calls:
            for key, _ in selector.select():
                assert read(key.fileobj) == 200
                done += 1
                if sent < calls:
                    key.fileobj.sendall(request)
                    sent += 1
        seconds = time.perf_counter() - began
        selector.close()
        return calls / seconds, 1e6 * (self.cpu() - cpu_before) / calls

    def cpu(self):
        """Return the seconds that its processes have run."""
        total = 0
        for pid in descendants(self.process.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory(self):
        """Return the megabytes of its processes (PSS: shared pages in parts)."""
        total = 0
        for pid in descendants(self.process.pid):
            with suppress(OSError):  # it has ended
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += int(text.partition("\nPss:")[2].split()[0])
        return total / 1000

    def signal(self, number):
        """Send a signal to all its processes."""
        for pid in descendants(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self):
        """End it."""
        self.signal(signal.SIGKILL)
        self.process.wait()


def read(connection):
    """Read an answer whose length is in its head; return its status."""
    data = connection.recv(65536)
    while b"\r\n\r\n" not in data:
        data += received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    assert lengths, head
    missing = lengths[0] - len(body)
    while missing > 0:
        missing -= len(received(connection))
    return int(head.split()[1])


def received(connection):
    """Return the next bytes; raises if the server closes the connection."""
    data = connection.recv(1 << 20)
    if not data:
        raise ConnectionResetError
    return data


BARE = """
from pathlib import Path
from net_session import np, opened
session = opened()
session.run(None, {"features": np.zeros((1, 32), np.float32)})
print(Path("/proc/self/smaps_rollup").read_text().partition("\\nPss:")[2].split()[0])
"""


def bare_memory(folder):
    """Return the megabytes of numpy, onnxruntime and the session alone (PSS)."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", BARE], cwd=folder, env=environment,
        capture_output=True, check=True,
    )  # fmt: skip
    return int(done.stdout) / 1000


def raw_us(folder):
    """Return the microseconds of a raw run by the number of rows, on one processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "net.onnx", options)
    times = {}
    for rows in ROWS:
        array, spent = np.random.default_rng(0).normal(size=(rows, 32)), []
        array = array.astype(np.float32)
        for _ in range(2000):
            began = time.perf_counter_ns()
            session.run(None, {"features": array})
            spent.append(time.perf_counter_ns() - began)
        times[rows] = sorted(spent)[len(spent) // 10] / 1000
    return times


def started(peer, folder, registry):
    """Start a server on a free port."""
    command, environment = SERVERS[peer]
    port, python = free_port(), ROOT / ".venv/peers" / peer / "bin/python"
    if peer == "hotseat":
        python = Path(sys.executable)
    else:  # nothing of ours
        environment = {"PYTHONPATH": str(folder), **environment}
    words = {"port": port, "registry": registry, "bin": python.parent}
    environment = {name: text.format(**words) for name, text in environment.items()}
    command = [python, *(part.format(**words) for part in command)]
    return Server(peer, command, folder, port, environment)


def measure(servers, folder, rounds):
    """Return what each server takes: the best of the rounds, in turn."""
    for server in servers:
        server.signal(signal.SIGSTOP)
    best = {server.name: {} for server in servers}
    raw = {}
    for _ in range(rounds):
        os.sched_setaffinity(0, CORES[:1])
        for rows, spent in raw_us(folder).items():
            raw[rows] = min(spent, raw.get(rows, spent))
        os.sched_setaffinity(0, CORES[-1:])
        for server in servers:
            server.signal(signal.SIGCONT)
            server.connect(CONNECTIONS)  # it closes those that were idle
            server.ask(request_of(1))
            got = best[server.name]
            for rows, calls in zip(ROWS, (400, 40), strict=True):
                spent = server.latency_us(request_of(rows), calls)
                got[rows] = min(spent, got.get(rows, spent))
            rate, each = server.load(request_of(1), 1000)
            got["rate"] = max(rate, got.get("rate", 0))
            got["cpu"] = min(each, got.get("cpu", each))
            got["memory"] = server.memory()
            server.signal(signal.SIGSTOP)
    return raw, best


def main():
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=list(SERVERS), choices=SERVERS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the servers, too
    servers = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        registry = publish(folder).store.uri
        write(folder)
        try:
            for peer in arguments.only:
                firsts = []
                for last in (False, True):  # the first start compiles sources
                    server = started(peer, folder, registry)
                    firsts.append(server.first)
                    if not last:
                        server.close()
                server.first = min(firsts)
                servers.append(server)
                server.signal(signal.SIGSTOP)
            raw, best = measure(servers, folder, arguments.rounds)
            raw["memory"] = bare_memory(folder)
        finally:
            for server in servers:
                server.close()
    show(servers, raw, best)


def show(servers, raw, best):
    """Print the table."""
    load = os.getloadavg()[0]
    print(f"CPU: {cpu.name()}; one for the server, one for the client; load {load:.1f}")
    print(f"\nRaw: 1 row {raw[1]:.1f} us, 1,000 rows {raw[1000]:.0f} us; numpy, "
          f"onnxruntime and the session alone: {raw['memory']:.0f} MB\n")  # fmt: skip
    print("| server | 1 row | 1,000 rows | requests a second | CPU a request | "
          "start to first answer | memory |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for server in servers:
        got = best[server.name]
        print(f"| {server.name} | {got[1] / raw[1]:.0f}x raw | "
              f"{got[1000] / raw[1000]:.0f}x raw | {got['rate']:,.0f} | "
              f"{got['cpu']:.0f} us | {server.first:.2f} s | "
              f"{got['memory']:.0f} MB |")  # fmt: skip


if __name__ == "__main__":
    main()
