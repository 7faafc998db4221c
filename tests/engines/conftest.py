"""What an engine's SDK is held against: a service, and servers that misbehave."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from say_server import say_server
from tls_server import STREAMS, TALKS, endless_events, serve

from hotseat_registry import (
    Field,
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    open_registry,
)

ROOT = Path(__file__).parents[2]
ANSWER = b'{"label": "ok"}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
WHOLE = HEAD % len(ANSWER) + ANSWER
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
AWAY = b'{"code": "unavailable", "detail": "d", "retryable": true}'
BUSY = b"HTTP/1.1 503 X\r\nretry-after: 5\r\ncontent-length: %d\r\n\r\n%s"
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


# a look-up that hangs for two seconds, and one with a dead IPv6 address before IPv4
NAMES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>
typedef int Look(const char *, const char *, const struct addrinfo *,
                 struct addrinfo **);
static Look *look(void) { return (Look *)dlsym(RTLD_NEXT, "getaddrinfo"); }
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  if (name && strstr(name, "slow.test")) { sleep(2); return EAI_AGAIN; }
  if (!name || !strstr(name, "dual.test")) return look()(name, service, hints, found);
  int family = hints ? hints->ai_family : AF_UNSPEC;
  if (family != AF_UNSPEC)
    return look()(family == AF_INET ? "127.0.0.1" : "::1", service, hints, found);
  int failed = look()("::1", service, hints, found);
  if (failed) return failed;
  struct addrinfo *last = *found;
  while (last->ai_next) last = last->ai_next;
  return look()("127.0.0.1", service, hints, &last->ai_next);
}
"""


def slowly(connection, data):
    """Send a byte every 20 ms."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


# what is said on a connection, and what a call that hears it ends with
FAULTS = {
    # those that are late go on for ten seconds, far beyond what a busy machine adds
    "silent": (lambda _: time.sleep(10), "DeadlineError"),
    "trickled head": (
        lambda c: slowly(c, WHOLE[:17] + b"a: b\r\n" * 100),
        "DeadlineError",
    ),
    "trickled body": (
        lambda c: (c.sendall(HEAD % 1000), slowly(c, b" " * 500)),
        "DeadlineError",
    ),
    "trickled chunks": (
        lambda c: (c.sendall(CHUNKED), slowly(c, b"1\r\nx\r\n" * 100)),
        "DeadlineError",
    ),
    "hung up": (lambda _: None, "TransportError"),
    "half": (
        lambda c: c.sendall(WHOLE.replace(b"15", b"50")),
        "TransportError",
    ),
    "half chunked": (lambda c: c.sendall(CHUNKED + b"5\r\n{}"), "TransportError"),
    "no chunks": (lambda c: c.sendall(CHUNKED + b"zz\r\n"), "TransportError"),
    "no HTTP": (lambda c: c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), "TransportError"),
    "noise": (lambda c: c.sendall(b"\x00\xff" * 100), "TransportError"),
    "a page": (
        lambda c: c.sendall(WHOLE.replace(ANSWER, b"<html>login</ht")),
        "TransportError",
    ),
    "busy": (lambda c: c.sendall(BUSY % (len(AWAY), AWAY)), "UnavailableError"),
}


def asked(connection):
    """Read one whole request; its head and body may come apart."""
    got = b""
    while more := connection.recv(65536):
        got += more
        head, ended, body = got.partition(b"\r\n\r\n")
        if ended and len(body) == int(LENGTH.search(head)[1]):
            return True
    return False


def served(talk, stack):
    """Return the URL of a server that talks so on each connection."""

    def converse(connection):
        with connection, contextlib.suppress(OSError):
            if asked(connection):
                talk(connection)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(
                    target=converse, args=(connection,), daemon=True
                ).start()

    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
    stack.callback(listener.shutdown, socket.SHUT_RDWR)
    threading.Thread(target=accept, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def faults():
    """The misbehaving servers: name, URL and the error that a call has to end with."""
    with contextlib.ExitStack() as stack:
        rows = [
            {"name": name, "url": f"http://{served(talk, stack)}", "error": error}
            for name, (talk, error) in FAULTS.items()
        ]
        plain = served(lambda c: c.sendall(WHOLE), stack)
        rows.append(
            {"name": "no TLS", "url": f"https://{plain}", "error": "TransportError"}
        )
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # and never listens
            port = closed.getsockname()[1]
            rows.append(
                {
                    "name": "nobody",
                    "url": f"http://127.0.0.1:{port}",
                    "error": "TransportError",
                }
            )
            yield rows


@pytest.fixture(scope="module")
def answering():
    """The URL of a server that answers every request with the label ok."""
    with contextlib.ExitStack() as stack:
        yield f"http://{served(lambda c: c.sendall(WHOLE), stack)}"


def constant(path, name, shape, datatype, output, values):
    """Write a graph that answers `values` whatever the input [n, ...] holds."""
    width = [numpy_helper.from_array(np.array(values, np.float32)[None], "values")]
    rows = helper.make_node("Shape", [name], ["rows"], end=1)
    onnx.save(
        helper.make_model(
            helper.make_graph(
                [
                    rows,
                    helper.make_node("Concat", ["rows", "one"], ["times"], axis=0),
                    helper.make_node("Tile", ["values", "times"], [output]),
                ],
                name,
                [helper.make_tensor_value_info(name, datatype, ["n", *shape])],
                [
                    helper.make_tensor_value_info(
                        output, TensorProto.FLOAT, ["n", len(values)]
                    )
                ],
                [*width, numpy_helper.from_array(np.array([1], np.int64), "one")],
            ),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=9,
        ),
        path,
    )
    return path


def features(folder):
    """Make a regression over two named features that always answers 0.25."""
    signature = Signature(
        inputs=(
            Input("numbers", "FP32", (-1, 2), "features", fields=(
                Field("hours", minimum=0), Field("level", default=1))),
        ),
        outputs=(Output("value", "FP32", (-1, 1)),),
    )  # fmt: skip
    graph = constant(
        folder / "c.onnx", "numbers", [2], TensorProto.FLOAT, "value", [0.25]
    )
    row = {"input": {"hours": 3}, "expected": {"value": 0.25}}
    return "churn", "regression", signature, graph, row


def board(folder):
    """Make a policy over three cells that mostly goes right."""
    signature = Signature(
        inputs=(Input("board", "INT8", (-1, 3), "board", minimum=0, maximum=2),),
        outputs=(Output("policy", "FP32", (-1, 3)),),
        labels=("left", "middle", "right"),
    )
    shares = [0.25, 0.25, 0.5]
    graph = constant(
        folder / "f.onnx", "board", [3], TensorProto.INT8, "policy", shares
    )
    expected = {"actions": dict(zip(signature.labels, shares, strict=True))}
    row = {"input": {"board": [0, 1, 2]}, "expected": expected}
    return "four", "policy", signature, graph, row


@pytest.fixture
def service(bundle, tmp_path):
    """A running `hotseat serve` with a text, a feature and a board model; its URL."""
    where = f"file://{tmp_path}/registry"
    registry = open_registry(where)
    manifest, files = bundle()
    registry.publish(manifest, files, by="ada")
    registry.promote(Reference("mood", version=1), by="ada")
    for name, kind, signature, graph, row in (features(tmp_path), board(tmp_path)):
        golden = tmp_path / f"{name}.json"
        golden.write_text(json.dumps({"rows": [row], "tolerance": {"fp32": 1e-5}}))
        made = Manifest(
            model=name,
            kind=kind,
            signature=signature,
            variants=(Variant("fp32", "model.onnx"),),
            default_variant="fp32",
            golden="golden.json",
            card=f"# {name}",
        )
        registry.publish(made, {"model.onnx": graph, "golden.json": golden}, by="ada")
        registry.promote(Reference(name, version=1), by="ada")
    command = shutil.which("hotseat", path=f"{ROOT}/.venv/bin:{os.environ['PATH']}")
    server = subprocess.Popen(
        [command, "serve", "--registry", where, "--port", "0", "--model", "mood"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOTSEAT_CACHE": str(tmp_path / "cache")},
    )
    try:
        url = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
        yield url
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


@pytest.fixture
def networks():
    """Servers as they are met on the way: a JSON object of URLs by situation."""
    with contextlib.ExitStack() as stack:
        yield json.dumps({
            name: f"http://127.0.0.1:{serve(stack, talk=talk)}"
            for name, talk in TALKS.items()
        })  # fmt: skip


@pytest.fixture
def streams():
    """Servers of events: URLs by what they do; the endless one sees a cancellation."""
    cancelled = threading.Event()
    talks = {**STREAMS, "endless": lambda *_: endless_events(cancelled)}
    with contextlib.ExitStack() as stack:
        yield json.dumps({
            name: f"http://127.0.0.1:{serve(stack, talk=talk)}"
            for name, talk in talks.items()
        })  # fmt: skip
        assert cancelled.wait(10), "the stream went on after its cancellation"


@pytest.fixture
def texts():
    """The stand-in that writes texts: its URL; a client has to cancel one of them."""
    with say_server() as (url, closed):
        yield url
        end = time.monotonic() + 30
        while not closed and time.monotonic() < end:
            time.sleep(0.01)
        assert closed, "the text went on after its cancellation"


@pytest.fixture
def names(tmp_path):
    """Replace the system's look-up: `slow.test` hangs, `dual.test` has two families."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a DNS with: apt-get install gcc")
    source, library = tmp_path / "names.c", tmp_path / "names.so"
    source.write_text(NAMES)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True
    )
    return str(library)


def needed(command, make):
    """Return a command's path; skips with the way out, and fails in CI."""
    found = shutil.which(command)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"{command} is not installed: `make {make}` says how")
    assert found, f"CI has no {command}"
    return found


@pytest.fixture(scope="session")
def need():
    """Look a command up, or skip and say how it is installed."""
    return needed
