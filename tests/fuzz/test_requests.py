"""Requests made and changed at random, on every route, to models of every kind."""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import small_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotseat_serve.api.messages import Request

BOARD = [[0] * 7] * 5 + [[1, 2, 0, 0, 0, 0, 0]]
ARRAYS = [
    {"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [[1, 2], [3, None]]},
    {"name": "factor", "datatype": "FP32", "shape": [], "data": [2]},
    {"name": "names", "datatype": "BYTES", "shape": [1], "data": ["elf"]},
    {"name": "counts", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]},
]
ROW = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
PACKED = {**ROW, "parameters": {"binary_data_size": 12}}
BEST = {"name": "value", "parameters": {"classification": 2, "binary_data": True}}
SEEDS = [
    ("/model-service", {"text": "good game", "player_id": "ada"}),
    ("/v1/models/words/predict", {"inputs": ["a", {"text": "b"}]}),
    ("/v1/models/words/explain", {"input": "well played"}),
    ("/v1/models/words:predict", {"instances": ["a"]}),
    ("/v1/models/words/versions/1:predict", {"instances": ["a"]}),
    ("/v1/models/table/predict", {"hours": 3, "level": 2, "lead": -1}),
    ("/v1/models/table/explain", {"hours": 1e30, "level": 2}),
    ("/v1/models/moves/predict", {"input": BOARD, "options": {"level": "deep"}}),
    ("/v1/models/moves/predict",
     {"input": {"board": BOARD, "legal": ["a", "c"]},
      "options": {"temperature": 1.5, "seed": 3, "strict": True}}),
    ("/v1/models/moves/explain", {"input": BOARD}),
    ("/v1/models/levels/predict", {"boxes": 2, "options": {"temperature": 0.5}}),
    ("/v1/models/arrays/predict",
     {"x": [1, 2], "factor": 2, "names": "elf", "counts": [1, 2]}),
    ("/v2/models/table/infer", {"id": "7", "inputs": [ROW], "outputs": [BEST]}),
    ("/v2/models/table/infer",
     {"inputs": [PACKED], "parameters": {"binary_data_output": True}}),
    ("/v2/models/arrays/infer", {"inputs": ARRAYS}),
    ("/v2/models/arrays/infer",
     {"inputs": ARRAYS[::-1],
      "outputs": [{"name": name, "parameters": {"classification": 1}}
                  for name in ("scaled", "same", "flags")]}),
    ("/v2/models/words/versions/1/infer",
     {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2],
                  "data": ["a", "b"]}]}),
    ("/v2/repository/index", {}),
]  # fmt: skip
REFUSED = ("/v1/models/arrays/explain", SEEDS[11][1])
READS = [
    "/v1/models", "/v1/models/table", "/v1/models/table/metadata",
    "/v1/models/table/versions/1", "/v2", "/v2/health/live", "/v2/health/ready",
    "/v2/models/stats", "/v2/models/table", "/v2/models/table/config",
    "/v2/models/table/ready", "/v2/models/table/versions/1/stats",
]  # fmt: skip
ODD = [
    None, True, False, -1, 0, 1.5, 1e-300, 1e39, 1e308, 2**31, 2**63, 2**64 - 1, "",
    "\0", "x" * 300, "../..", "\u202e", "%s", [], {}, [[]], [[[[[[]]]]]], {"a": {}},
    ["x"], [None], "NaN", [2**40, 2**40], [-1, 3], [0, 3], [0], "FP16", "scaled",
]  # fmt: skip
HEADERS = {
    "deadline-ms": ["0", "-1", "99999", "9" * 40, "soon", "\u0661"],
    "content-encoding": ["gzip", "deflate", "br", "x" * 500],
    "accept-encoding": ["gzip", "deflate", "gzip;q=0", "*"],
    "inference-header-content-length": ["", "0", "-1", "10", "9" * 5000, "\u0661"],
    "range": ["bytes=0-", "bytes=9-1", "bytes=" + "9" * 400 + "-"],
    "traceparent": [f"00-{'a' * 32}-{'b' * 16}-01", "x" * 500],
    "origin": ["https://game.example", "null", "\0"],
}


@st.composite
def changed(draw, value):
    """A value with some of its parts replaced, left out, doubled or added."""
    if draw(st.integers(0, 14)) == 0:
        return draw(st.sampled_from(ODD) | st.floats() | st.text(max_size=20))
    if isinstance(value, dict):
        parts = {key: draw(changed(part)) for key, part in value.items()}
        if parts and draw(st.integers(0, 4)) == 0:
            parts.pop(draw(st.sampled_from(sorted(parts))))
        if draw(st.integers(0, 9)) == 0:
            parts[draw(st.text(max_size=5))] = draw(st.sampled_from(ODD))
        return parts
    if isinstance(value, list):
        parts = [draw(changed(part)) for part in value]
        if parts and draw(st.integers(0, 9)) == 0:
            parts += parts[:1] * draw(st.integers(1, 3))
        return parts
    return value


@st.composite
def requests(draw):
    """A request that may be right, nearly right or nonsense."""
    path, body = draw(
        st.sampled_from([*SEEDS, REFUSED])
        | st.sampled_from(READS).map(lambda p: (p, {}))
    )
    data = json.dumps(draw(changed(body)), allow_nan=True).encode()
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(data)))
        data = (
            data[:at]
            + draw(st.binary(max_size=4))
            + data[at + draw(st.integers(0, 3)) :]
        )
    headers = {}
    if draw(st.booleans()):
        headers = draw(
            st.fixed_dictionaries(
                {}, optional={k: st.sampled_from(v) for k, v in HEADERS.items()}
            )
        )
    if draw(st.integers(0, 4)) == 0:
        headers["inference-header-content-length"] = str(len(data))
        data += draw(st.binary(max_size=16))
    if draw(st.integers(0, 7)) == 0:
        data, headers["content-encoding"] = gzip.compress(data), "gzip"
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(path)))
        path = (
            path[:at]
            + draw(
                st.sampled_from(
                    ["%00", "..", "%2e%2e", "%ff", "@1", "#live", "\ud800", "/"]
                )
                | st.just("a" * 9_000)
            )
            + path[at:]
        )
    get = path in READS or draw(st.integers(0, 9)) == 0
    method = "GET" if get else draw(st.sampled_from(["POST"] * 9 + ["PUT", "HEAD"]))
    return Request(method, path, data, headers, "r-1")


@pytest.fixture(scope="module")
def router(tmp_path_factory):
    return small_models.router(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize(("path", "body"), SEEDS)
def test_what_is_changed_is_right_to_begin_with(router, path, body):
    """Each request is answered as it stands, but for what no candidate passes."""
    data, headers = json.dumps(body).encode(), {}
    if "binary_data_size" in json.dumps(body):
        del body["inputs"][0]["data"]
        data = json.dumps(body).encode()
        headers["inference-header-content-length"] = str(len(data))
        data += bytes(12)
    answer = router.answer(Request("POST", path, data, headers, "r-1"))
    assert answer.status in {200, 409}, answer.body


@settings(
    max_examples=max(300, settings.default.max_examples),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
@given(requests())
def test_no_request_makes_the_service_fail(router, request):
    """It is answered: with less than 500, but for a deadline that the caller set."""
    begun = time.process_time()
    answer = router.answer(request)
    assert time.process_time() - begun < 5
    late = answer.status == 504 and "deadline-ms" in request.headers
    assert answer.status < 500 or late, answer.body
    assert answer.headers["x-request-id"] == "r-1"
    if answer.status >= 400:
        assert len(answer.body) < 4_000
        if request.method != "HEAD":
            json.loads(answer.body)


MEGABYTES = 200
FULL = 5_990_000
"""Bytes of a body, once unpacked; 6,000,000 are allowed."""


def many(unit, room_for=100):
    """As many elements as a body holds."""
    return ",".join([unit] * ((FULL - room_for) // (len(unit) + 1)))


def data_of(name, datatype, shape, unit):
    """A request with far more data than its shape says, or as much."""
    return (
        f'{{"inputs":[{{"name":"{name}","datatype":"{datatype}","shape":{shape},'
        f'"data":[{many(unit)}]}}]}}'
    )


HOSTILE = {
    "objects": ("/v1/models/table/predict", lambda: f'{{"inputs":[{many("{}")}]}}'),
    "strings": ("/model-service", lambda: f'{{"inputs":[{many(chr(34) * 2)}]}}'),
    "numbers": ("/v1/models/arrays/predict", lambda: f'{{"x":[{many("5e1")}]}}'),
    "deep": ("/v1/models/arrays/predict", lambda: "[" * FULL),
    "names": (
        "/v1/models/table/predict",
        lambda: '{"hours":1,' + ",".join(f'"{n:x}":1' for n in range(500_000)) + "}",
    ),
    "legal": (
        "/v1/models/moves/predict",
        lambda: json.dumps({"input": {"board": BOARD, "legal": ["a"] * 1_000_000}}),
    ),
    "parts of a text": (
        "/v1/models/words/explain", lambda: json.dumps({"text": "a " * 2_900_000}),
    ),
    "parts of a list": (
        "/v1/models/arrays/explain",
        lambda: json.dumps(
            {
                "x": [1] * 200 + [0] * 1_900_000,
                "factor": 1,
                "names": "",
                "counts": [1, 1],
            }
        ),
    ),
    "texts": ("/v2/models/words/infer", lambda: data_of("text", "BYTES", [1], '""')),
    "tensor": ("/v2/models/table/infer", lambda: data_of("x", "FP32", [1, 3], "1")),
    "nulls": (
        "/v2/models/arrays/infer", lambda: data_of("x", "FP32", [1, 10**6], "null"),
    ),
    "inputs": ("/v2/models/table/infer", lambda: f'{{"inputs":[{many("1")}]}}'),
    "outputs": (
        "/v2/models/table/infer",
        lambda: f'{{"inputs":[{json.dumps(ROW)}],"outputs":[{many("1", 200)}]}}',
    ),
    "shape": (
        "/v2/models/table/infer",
        lambda: '{"inputs":[{"name":"x","datatype":"FP32","shape":['
        f'{many("1", 200)}]}}]}}',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_packed_body_takes_little_memory_and_time(name):
    """Six megabytes out of some thousand bytes: bounded, and refused or answered."""
    command = [sys.executable, __file__, name]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    status, megabytes, seconds = done.stdout.split()
    assert int(status) < 500
    assert float(megabytes) < MEGABYTES
    assert float(seconds) < 5


def _measure(name):
    """Print status, megabytes of memory and seconds of one hostile request."""
    import resource
    import tempfile

    router = small_models.router(Path(tempfile.mkdtemp()))
    path, make = HOSTILE[name]
    body = gzip.compress(make().encode(), 1)
    model = path.split("/")[3].partition(":")[0] if "/models/" in path else "words"
    request = Request("POST", path, body, {"content-encoding": "gzip"}, "r-1")
    router.answer(request._replace(path=f"/v1/models/{model}/predict", body=b"{}"))
    router.answer(request._replace(body=gzip.compress(b"{}")))
    before = resource.getrusage(resource.RUSAGE_SELF)
    answer = router.answer(request)
    after = resource.getrusage(resource.RUSAGE_SELF)
    grown = (after.ru_maxrss - before.ru_maxrss) / 1024
    sys.stdout.write(f"{answer.status} {grown} {after.ru_utime - before.ru_utime}\n")


if __name__ == "__main__":
    _measure(sys.argv[1])
