"""The conformance suite's server: one of ours on a real socket, or any by URL.

``HOTSEAT_OIP_URL=http://host:port pytest tests/contract/oip`` points it elsewhere; that
server needs a model ``add`` that answers ``SUM = A + B`` on FP32 [-1, 4], and ``mood``
that scores one text.
"""

import os
import threading
import time

import onnx
import pytest
from onnx import TensorProto, helper

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Signature,
    Variant,
    open_registry,
)
from hotseat_serve.adapters.asgi import Application
from hotseat_serve.adapters.bounded_server import Limits, Server
from hotseat_serve.api.factory import create_router
from hotseat_serve.settings import Settings


def add(folder):
    """A real graph: SUM = A + B."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["A", "B"], ["SUM"])],
        "add",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])
            for name in "AB"
        ],
        [helper.make_tensor_value_info("SUM", TensorProto.FLOAT, ["n", 4])],
    )
    path = folder / "add.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    manifest = Manifest(
        model="add",
        kind="tensor",
        signature=Signature(
            inputs=tuple(Input(name, "FP32", (-1, 4), "tensor") for name in "AB"),
            outputs=(Output("SUM", "FP32", (-1, 4)),),
        ),
        variants=(Variant("fp32", "add.onnx"),),
        default_variant="fp32",
    )
    return manifest, {"add.onnx": path}


@pytest.fixture
def oip(tmp_path, publish):
    """Where the server is that has to conform: host:port."""
    if url := os.environ.get("HOTSEAT_OIP_URL"):
        yield url.removeprefix("http://")
        return
    registry = open_registry(f"file://{tmp_path}/registry")
    publish(registry)
    registry.publish(*add(tmp_path), by="ada")
    for name in ("mood", "add"):
        registry.promote(Reference(name, version=1), by="ada")
    settings = Settings(
        registry=registry.store.uri,
        cache=str(tmp_path / "c"),
        default_model="mood",
        log=False,
    )
    server = Server(Application(create_router(settings)), Limits())
    server.config.port = 0
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
