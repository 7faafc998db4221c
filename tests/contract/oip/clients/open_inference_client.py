"""The protocol's own generated client, sync and async: ``... http://host:port``."""

import asyncio
import sys

from open_inference.openapi.client import AsyncOpenInferenceClient, OpenInferenceClient
from open_inference.openapi.core.api_error import ApiError
from open_inference.openapi.types import InferenceRequest, RequestInput, TensorData

url = sys.argv[1]
client = OpenInferenceClient(base_url=url)
client.check_server_liveness()
client.check_server_readiness()
client.check_model_readiness("add")
client.check_model_version_readiness("add", "1")
assert client.read_server_metadata().name
assert [item.name for item in client.read_model_metadata("add").inputs] == ["A", "B"]
assert client.read_model_version_metadata("add", "live").name == "add"


def request(shape):
    """The sum of A and B."""
    data = [1.5] * (shape[0] * shape[1])
    inputs = [
        RequestInput(
            name=name, datatype="FP32", shape=shape, data=TensorData.parse_obj(data)
        )
        for name in "AB"
    ]
    return InferenceRequest(id="game-7", inputs=inputs)


for answer in (
    client.model_infer("add", request=request([2, 4])),
    client.model_version_infer("add", "1", request=request([2, 4])),
):
    assert (answer.id, answer.model_version) == ("game-7", "1")
    data = answer.outputs[0].data
    assert list(getattr(data, "__root__", data)) == [3.0] * 8


def refused(call, status):
    """Whether a call is answered with that status and an error in words."""
    try:
        call()
    except ApiError as raised:
        body = raised.body
        words = body["error"] if isinstance(body, dict) else body.error
        return raised.status_code == status and bool(words)
    return False


assert refused(lambda: client.model_infer("nobody", request=request([2, 4])), 404)
assert refused(lambda: client.model_infer("add", request=request([2, 5])), 400)


async def later():
    """The same once more, asynchronously."""
    answer = await AsyncOpenInferenceClient(base_url=url).model_infer(
        "add", request=request([2, 4])
    )
    assert answer.id == "game-7"


asyncio.run(later())
