"""KServe's own InferenceRESTClient, unmodified: ``kserve_client.py http://host:port``."""

import asyncio
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig


def pair(*, binary):
    """Inputs A and B of the model add."""
    given = []
    for name, value in (("A", 1.5), ("B", 2.0)):
        item = InferInput(name, [3, 4], "FP32")
        item.set_data_from_numpy(np.full((3, 4), value, np.float32), binary_data=binary)
        given.append(item)
    return given


async def main(url):
    """Ask what the client can ask, in both of its protocols."""
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "add")
    for binary in (False, True):
        request = InferRequest("add", pair(binary=binary), request_id="game-7")
        answer = await client.infer(url, request, model_name="add")
        assert (answer.id, answer.model_name) == ("game-7", "add"), answer.to_dict()
        assert np.allclose(answer.outputs[0].as_numpy(), 3.5)
        assert answer.outputs[0].shape == [3, 4]
    await client.close()
    first = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
    answer = await first.infer(url, {"instances": ["good", "bad"]}, model_name="mood")
    labels = [row["label"] for row in answer["predictions"]]
    assert labels == ["positive", "negative"], answer
    await first.close()


asyncio.run(main(sys.argv[1]))
