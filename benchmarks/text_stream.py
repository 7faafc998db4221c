"""The first byte of a text through Lambda's Runtime API, beside in process.

The function runs in a process of its own under the image's loop, as on Lambda; the
stand-in of the Runtime API is `runtime_api`. Both ways get the same request in turn.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from runtime_api import RuntimeApi

from hotseat_registry import Reference, open_registry
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings


def event(path, body):
    """Return a REST API's event of a POST."""
    return {
        "resource": "/{proxy+}", "path": path, "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"}, "body": json.dumps(body),
        "requestContext": {"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}},
        "isBase64Encoded": False,
    }  # fmt: skip


def publish(folder, manifest, files):
    """Publish a version in a new registry below `folder` and promote it; its URI."""
    registry = open_registry(f"file://{folder}/registry")
    registry.publish(manifest, files, by="bench")
    registry.promote(Reference(manifest.model, version=1), by="bench")
    return registry.store.uri


def first_bytes(uri, model, folder, prompt, rounds=15):
    """Return the milliseconds to the first token's event: in process, and streamed.

    The median of `rounds` each, and that of their differences pair by pair. Raises
    `AssertionError` if the stream comes in one piece.
    """
    path = f"/v1/models/{model}/generate"
    options = {"max_tokens": 16, "temperature": 0, "stream": True}
    body = {"input": {"prompt": prompt}, "options": options}
    settings = Settings(registry=uri, cache=f"{folder}/cache", log=False)
    router = Router(ModelCache(open_registry(uri), settings), settings)
    api = RuntimeApi()
    function = subprocess.Popen(
        [sys.executable, "-m", "hotseat_serve.lambda_loop",
         "hotseat_serve.handler.handler"],
        env={**os.environ, "AWS_LAMBDA_RUNTIME_API": api.address,
             "HOTSEAT_REGISTRY": uri, "HOTSEAT_CACHE": f"{folder}/function",
             "HOTSEAT_STREAM": "1", "HOTSEAT_LOG": "0"},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        pairs = [
            (_in_process(router, path, body), _streamed(api, event(path, body)))
            for _ in range(rounds + 2)
        ][2:]
    finally:
        function.kill()
        function.wait()
        api.close()
    inside, through = (statistics.median(times) for times in zip(*pairs, strict=True))
    return inside, through, statistics.median(b - a for a, b in pairs)


def _in_process(router, path, body):
    began = time.monotonic()
    request = Request("POST", path, json.dumps(body).encode(), streams=True)
    answer = router.answer(request)
    assert next(answer.chunks).startswith(b"event: token")
    milliseconds = 1000 * (time.monotonic() - began)
    answer.chunks.close()
    return milliseconds


def _streamed(api, wanted):
    began = time.monotonic()
    outcome = api.invoke(wanted)
    assert outcome.kind == "response", outcome.body
    first = next(at for at, piece in outcome.chunks if b"event: token" in piece)
    last = outcome.chunks[-1][0]
    assert first < last, "the stream came in one piece"
    return 1000 * (first - began)
