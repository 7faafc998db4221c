"""sdk/spec/inputs.json: what inputs become, in the service and on a device.

The TypeScript SDK replays the same file (`sdk/typescript/test/inputs.test.mjs`).
"""

import json
from pathlib import Path

import numpy as np
import pytest

from hotseat._device import codec as device
from hotseat._device.warnings import Warnings as DeviceWarnings
from hotseat.errors import StatusError
from hotseat_registry import Signature
from hotseat_serve.codec import game_json
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.problems import Problem

VECTORS = json.loads(
    (Path(__file__).parents[3] / "sdk/spec/inputs.json").read_text("utf-8")
)


def by_service(signature, inputs, pointers):
    """Return the service's tensors and warnings."""
    warnings = Warnings()
    parsed = Signature.from_json(signature)
    return game_json.encode(parsed, inputs, pointers, warnings), warnings.to_json()


def on_device(signature, inputs, pointers):
    """Return the device's tensors and warnings."""
    warnings = DeviceWarnings()
    return device.encode(signature, inputs, pointers, warnings), warnings.to_json()


@pytest.mark.parametrize("encode", [by_service, on_device])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_inputs_become_what_the_vector_says(encode, vector):
    """Tensors and warnings, or a refusal with its pointer and words."""
    inputs = vector["inputs"]
    pointers = [f"/inputs/{row}" for row in range(len(inputs))]
    if "raises" in vector:
        with pytest.raises((Problem, StatusError)) as caught:
            encode(vector["signature"], inputs, pointers)
        error = caught.value
        assert vector["raises"] == {
            "code": error.code, "pointer": error.pointer, "detail": error.detail
        }  # fmt: skip
        return
    tensors, warnings = encode(vector["signature"], inputs, pointers)
    assert warnings == vector["warnings"]
    assert tensors.keys() == vector["tensors"].keys()
    for name, wanted in vector["tensors"].items():
        array = tensors[name]
        data = [np.nan if value is None else value for value in wanted["data"]]
        assert list(array.shape) == wanted["shape"]
        np.testing.assert_array_equal(array.ravel().tolist(), data)
