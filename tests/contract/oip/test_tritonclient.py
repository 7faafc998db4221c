"""tritonclient, unmodified, over a real socket."""

import asyncio

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

# the client's own event loop closes sockets late
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def client(oip):
    """Tritonclient's synchronous client."""
    made = triton.InferenceServerClient(oip)
    yield made
    made.close()


def pair(*, binary):
    """Inputs A and B of the model add."""
    given = []
    for name, value in (("A", 1.5), ("B", 2.0)):
        item = triton.InferInput(name, [3, 4], "FP32")
        item.set_data_from_numpy(np.full((3, 4), value, np.float32), binary_data=binary)
        given.append(item)
    return given


def test_health_and_metadata(client):
    """The client finds the server live and ready, and its models described."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("add")
    assert client.is_model_ready("add", "1")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"]
    metadata = client.get_model_metadata("add", "1")
    assert [item["name"] for item in metadata["inputs"]] == ["A", "B"]
    assert client.get_model_config("add")["name"] == "add"
    names = {item["name"] for item in client.get_model_repository_index()}
    assert {"add", "mood"} <= names
    assert client.get_inference_statistics("add")["model_stats"]


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("packing", [None, "gzip", "deflate"])
def test_infer_in_json_and_binary(client, given, wanted, packing):
    """Every mix of JSON and raw bytes, packed or not, gives the same sum."""
    answer = client.infer(
        "add",
        pair(binary=given),
        outputs=[triton.InferRequestedOutput("SUM", binary_data=wanted)],
        request_id="game-7",
        request_compression_algorithm=packing,
        response_compression_algorithm=packing,
    )
    np.testing.assert_array_equal(answer.as_numpy("SUM"), np.full((3, 4), 3.5))
    assert answer.get_response()["id"] == "game-7"


def test_infer_with_nothing_asked(client):
    """Without requested outputs the client asks for all of them in binary."""
    answer = client.infer("add", pair(binary=True), model_version="1")
    np.testing.assert_array_equal(answer.as_numpy("SUM"), np.full((3, 4), 3.5))


@pytest.mark.parametrize("binary", [True, False])
def test_infer_on_text(client, binary):
    """BYTES go in both ways, and a class comes out."""
    item = triton.InferInput("text", [2], "BYTES")
    item.set_data_from_numpy(
        np.array(["good", "bad"], dtype=object), binary_data=binary
    )
    wanted = triton.InferRequestedOutput("scores", class_count=1)
    answer = client.infer("mood", [item], outputs=[wanted])
    found = [text.decode().split(":")[2] for text in answer.as_numpy("scores").ravel()]
    assert found == ["positive", "negative"]


def test_errors_carry_their_reason(client):
    """The client raises its own exception, with our words and the status."""
    with pytest.raises(InferenceServerException, match="no such model") as caught:
        client.get_model_metadata("nobody")
    assert caught.value.status() == "404"
    wrong = triton.InferInput("A", [1, 4], "FP32")
    wrong.set_data_from_numpy(np.zeros((1, 4), np.float32))
    with pytest.raises(InferenceServerException, match="input 'B' is missing"):
        client.infer("add", [wrong])


def test_the_asynchronous_client(oip):
    """Tritonclient's aio client, many at once."""

    async def ask():
        async with triton_aio.InferenceServerClient(oip) as client:
            assert await client.is_server_ready()
            answers = await asyncio.gather(
                *(client.infer("add", pair(binary=n % 2 == 0)) for n in range(20))
            )
            return [answer.as_numpy("SUM")[0, 0] for answer in answers]

    assert asyncio.run(ask()) == [3.5] * 20
