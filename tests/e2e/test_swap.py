"""Aliases move while a game asks: nothing fails, no answer is older than agreed."""

import http.client
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from hotseat_registry import Reference, open_registry

REFRESH = 0.25
MOVES = 20
EVERY = 0.5
SLACK = 1.0
"""Seconds for a machine that does other things as well."""


def test_twenty_moves_under_fifty_requests_a_second(tmp_path, publish):
    """Every request is answered, by a version live within twice the refresh time."""
    registry = open_registry(f"file://{tmp_path}/registry")
    # a version of its own for each promote, so that an old answer is seen as old
    for number in range(MOVES // 2 + 1):
        publish(registry, positive=0.6 + number / 100)
    registry.promote(Reference("mood", version=1), by="ada")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("hotseat"), "serve", "--port", "0",
         "--registry", registry.store.uri, "--refresh", str(REFRESH)],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        address = process.stdout.readline().split("http://")[1].strip()
        live = [(time.monotonic(), 1)]
        answers = []
        done = threading.Event()

        def ask():
            connection = http.client.HTTPConnection(address, timeout=10)
            due = time.monotonic()
            while not done.is_set():
                asked = time.monotonic()
                connection.request("POST", "/model-service", '{"text": "good"}')
                answer = connection.getresponse()
                body = json.loads(answer.read())
                answers.append((asked, time.monotonic(), answer.status, body))
                due += 0.02
                time.sleep(max(due - time.monotonic(), 0))
            connection.close()

        game = threading.Thread(target=ask)
        game.start()
        for move in range(MOVES):
            time.sleep(EVERY)
            if move % 2:
                version = registry.rollback("mood", by="ada").after
            else:
                version = 2 + move // 2
                registry.promote(Reference("mood", version=version), by="ada")
            live.append((time.monotonic(), version))
        time.sleep(2 * REFRESH + SLACK)
        done.set()
        game.join()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
    assert {status for _, _, status, _ in answers} == {200}
    assert len(answers) > 200
    for asked, answered, _, body in answers:
        oldest = asked - 2 * REFRESH - SLACK
        periods = zip(live, [*live[1:], (float("inf"), 0)], strict=True)
        allowed = {
            version
            for (begins, version), (ends, _) in periods
            if begins <= answered and ends >= oldest
        }
        assert body["version"] in allowed
    # how many were seen depends on the machine; that they were, does not
    assert len({body["version"] for *_, body in answers}) > MOVES // 4
    assert answers[-1][3]["version"] == live[-1][1]
