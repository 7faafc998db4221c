"""The same model in other people's servers, as their documentation shows it."""

import json
import socket

_SESSION = """
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1

def opened():
    return onnxruntime.InferenceSession("net.onnx", options)

def answer_of(scores):
    output = {"name": "scores", "datatype": "FP32", "shape": list(scores.shape)}
    output["data"] = scores.ravel().tolist()
    return {"model_name": "net", "outputs": [output]}
"""
_MLSERVER = """
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
from net_session import opened

class Net(MLModel):
    async def load(self):
        self.session = opened()
        return True

    async def predict(self, payload):
        array = NumpyCodec.decode_input(payload.inputs[0])
        scores = self.session.run(None, {"features": array})[0]
        outputs = [NumpyCodec.encode_output("scores", scores)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
"""
_KSERVE = """
import sys
from kserve import InferOutput, InferResponse, Model, ModelServer
from net_session import opened

class Net(Model):
    def load(self):
        self.session = opened()
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        array = payload.inputs[0].as_numpy()
        scores = self.session.run(None, {"features": array})[0]
        output = InferOutput("scores", list(scores.shape), "FP32")
        output.set_data_from_numpy(scores, binary_data=False)
        return InferResponse(payload.id or "1", "net", [output])

if __name__ == "__main__":
    model = Net("net")
    model.load()
    server = ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1)
    server.start([model])
"""
_LITSERVE = """
import sys
import litserve
import numpy as np
from net_session import answer_of, opened

class Net(litserve.LitAPI):
    def setup(self, device):
        self.session = opened()

    def decode_request(self, request):
        item = request["inputs"][0]
        return np.array(item["data"], np.float32).reshape(item["shape"])

    def predict(self, array):
        return self.session.run(None, {"features": array})[0]

    def encode_response(self, scores):
        return answer_of(scores)

if __name__ == "__main__":
    server = litserve.LitServer(
        Net(api_path="/v2/models/net/infer"), accelerator="cpu", workers_per_device=1
    )
    server.run(port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False)
"""
_BENTOML = """
import bentoml
import numpy as np
from net_session import answer_of, opened

@bentoml.service(workers=1)
class Net:
    def __init__(self):
        self.session = opened()

    @bentoml.api(route="/v2/models/net/infer")
    def infer(self, inputs: list[dict]) -> dict:
        item = inputs[0]
        array = np.array(item["data"], np.float32).reshape(item["shape"])
        scores = self.session.run(None, {"features": array})[0]
        return answer_of(scores)
"""

SERVERS = {
    "hotseat": (
        ["{bin}/hotseat", "serve", "--registry", "{registry}",
         "--port", "{port}"], {},
    ),
    "mlserver": (
        ["-c", "from mlserver.cli import main; main()", "start", "mlserver"],
        {"MLSERVER_HTTP_PORT": "{port}"},
    ),
    "kserve": (["net_kserve.py", "{port}"], {}),
    "litserve": (["net_litserve.py", "{port}"], {}),
    "bentoml": (
        ["-m", "bentoml", "serve", "net_bentoml:Net", "--port", "{port}"],
        {"BENTOML_DO_NOT_TRACK": "True"},
    ),
}  # fmt: skip
"""Arguments of Python and environment of each, by its package."""


def write(folder):
    """Write what the servers read into a folder."""
    for name, text in {
        "net_session": _SESSION, "net_mlserver": _MLSERVER, "net_kserve": _KSERVE,
        "net_litserve": _LITSERVE, "net_bentoml": _BENTOML,
    }.items():  # fmt: skip
        (folder / f"{name}.py").write_text(text)
    (folder / "mlserver").mkdir()
    settings = {
        "grpc_port": free_port(), "metrics_port": free_port(),
        "parallel_workers": 0, "debug": False,
    }  # fmt: skip
    model = {"name": "net", "implementation": "net_mlserver.Net"}
    for name, document in {"settings": settings, "model-settings": model}.items():
        (folder / "mlserver" / f"{name}.json").write_text(json.dumps(document))


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
