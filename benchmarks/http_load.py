"""Send requests to an HTTP server: as fast as it answers, or at a fixed rate.

A small client of its own over asyncio's streams, so that the client takes less of the
machine than the server that it measures.
"""

import asyncio
import itertools
import random
import time
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What came back."""

    seconds: float = 0.0
    """How long requests were sent."""
    latencies: dict[int, list[float]] = field(default_factory=dict)
    """Seconds of each request by its status; 0: no answer."""

    def add(self, status, seconds):
        """Count one request."""
        self.latencies.setdefault(status, []).append(seconds)

    def rate(self, status=200, within=float("inf")):
        """Return the answers a second, of those that took at most `within` seconds."""
        found = [one for one in self.latencies.get(status, ()) if one <= within]
        return len(found) / self.seconds

    def percentile(self, share, status=200):
        """Return the seconds that this share of the answers did not exceed."""
        found = sorted(self.latencies[status])
        return found[min(int(len(found) * share), len(found) - 1)]


def request_of(path, body, host="127.0.0.1"):
    """Return the bytes of a POST request."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body  # fmt: skip


class _Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def close(self):
        """Close the connection."""
        self.writer.close()
        await self.writer.wait_closed()

    async def send(self, request):
        """Return the status of the answer."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2]
        await self.reader.readexactly(int(length.partition(b"\r\n")[0]))
        return int(head[9:12])


async def _connect(port):
    return _Connection(*await asyncio.open_connection("127.0.0.1", port))


async def _closed(port, requests, connections, seconds):
    outcome, source = Outcome(seconds), itertools.cycle(requests)
    end = time.perf_counter() + seconds

    async def client():
        connection = await _connect(port)
        while (begun := time.perf_counter()) < end:
            status = await connection.send(next(source))
            outcome.add(status, time.perf_counter() - begun)
        await connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return outcome


async def _open(port, requests, rate, connections, seconds):
    outcome, source = Outcome(seconds), itertools.cycle(requests)
    free = [await _connect(port) for _ in range(connections)]
    draw = random.Random(0)
    tasks = set()

    async def one(request, due):
        if not free:  # all connections wait: the player sees no answer
            outcome.add(0, 0.0)
            return
        connection = free.pop()
        status = await connection.send(request)
        outcome.add(status, time.perf_counter() - due)
        free.append(connection)

    due = begun = time.perf_counter()
    while due < begun + seconds:
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        task = asyncio.ensure_future(one(next(source), due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        due += draw.expovariate(rate)
    await asyncio.gather(*tasks)
    for connection in free:
        await connection.close()
    return outcome


def closed(port, requests, connections, seconds):
    """Each connection sends its next request when it has its answer."""
    return asyncio.run(_closed(port, requests, connections, seconds))


def at_rate(port, requests, rate, connections, seconds):
    """Send requests by chance, `rate` a second, whatever the server does."""
    return asyncio.run(_open(port, requests, rate, connections, seconds))
