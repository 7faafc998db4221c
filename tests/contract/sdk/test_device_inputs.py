"""Texts by a tokenizer, images and whole tensors: the device against the service."""

import base64
import io
import json
import sys

import numpy as np
import onnx
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from hotseat import ConfigError
from hotseat._device.bundle import Bundle
from hotseat._device.graph import Graph
from hotseat._device.warnings import Warnings
from hotseat.errors import StatusError, TransportError
from hotseat_registry import Input, Manifest, Output, Reference, Registry, Signature
from hotseat_registry.manifest import Variant
from hotseat_registry.signature import Image, Tokens
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.downloads import Downloads
from hotseat_serve.codec.non_finite import finite
from hotseat_serve.kinds.options import Options
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings

_RED = io.BytesIO()
PIL.Image.new("RGB", (9, 9), "red").save(_RED, "JPEG")
RED = base64.b64encode(_RED.getvalue()).decode()
KINDS = {"FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64,
         "BYTES": TensorProto.STRING}  # fmt: skip


def graph(path, nodes, inputs, outputs, *weights):
    """Write a graph; inputs and outputs are (name, datatype, shape)."""
    described = [
        [helper.make_tensor_value_info(name, KINDS[kind], shape)
         for name, kind, shape in group]
        for group in (inputs, outputs)
    ]  # fmt: skip
    made = helper.make_graph(
        nodes, "g", *described, [numpy_helper.from_array(a, n) for n, a in weights]
    )
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=8), path)


def texts(path, pooling="mean"):
    """Token ids and their mask in; a vector of each token out, pooled."""
    table = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    graph(
        path,
        [helper.make_node("Gather", ["table", "ids"], ["vectors"]),
         helper.make_node("Cast", ["mask"], ["used"], to=TensorProto.FLOAT)],
        [("ids", "INT64", ["n", "t"]), ("mask", "INT64", ["n", "t"])],
        [("vectors", "FP32", ["n", "t", 3]), ("used", "FP32", ["n", "t"])],
        ("table", table),
    )  # fmt: skip
    tokens = [Tokens("tokenizer.json", part, max_tokens=6) for part in ("ids", "mask")]
    vectors = Output("vectors", "FP32", (-1, -1, 3), role="embedding",
                     pooling=pooling, normalize=True)  # fmt: skip
    return "embedding", Signature(
        tuple(Input(one.part, "INT64", (-1, -1), "tokens", 80, tokens=one)
              for one in tokens),
        (vectors, Output("used", "FP32", (-1, -1))),
    )  # fmt: skip


def first(path):
    """The same, by its first token."""
    return texts(path, "first")


def lines(path):
    """A text and its tokens in, both of one field; two labels out, parts of texts."""
    graph(
        path,
        [helper.make_node("LabelEncoder", ["text"], ["word"], domain="ai.onnx.ml",
                          keys_strings=["good", "gg"], values_floats=[1.5, 2.5],
                          default_float=0.5),
         helper.make_node("Unsqueeze", ["word", "axis"], ["words"]),
         helper.make_node("Mul", ["ids", "mask"], ["kept"]),
         helper.make_node("ReduceSum", ["kept", "axis"], ["sum"]),
         helper.make_node("Cast", ["sum"], ["tokens"], to=TensorProto.FLOAT),
         helper.make_node("Concat", ["words", "tokens"], ["logits"], axis=1)],
        [("text", "BYTES", ["n"]), ("ids", "INT64", ["n", "t"]),
         ("mask", "INT64", ["n", "t"])],
        [("logits", "FP32", ["n", 2])],
        ("axis", np.array([1])),
    )  # fmt: skip
    tokens = [Tokens("tokenizer.json", part, max_tokens=6) for part in ("ids", "mask")]
    scores = Output("logits", "FP32", (-1, 2), role="scores", activation="softmax")
    return "classification", Signature(
        (Input("text", "BYTES", (-1,), "text", 12, too_long="parts"),
         *(Input(one.part, "INT64", (-1, -1), "tokens", tokens=one)
           for one in tokens)),
        (scores,), labels=("calm", "rude"), neutral_label="calm",
    )  # fmt: skip


def pictures(path, **more):
    """An image in; logits of labels that do not exclude each other out."""
    shape = [3, 6, 4] if more.get("layout", "NCHW") == "NCHW" else [6, 4, 3]
    if more.get("channels") == "L":
        shape = [1 if n == 3 else n for n in shape]
    weights = np.random.default_rng(1).normal(size=(72, 2)).astype(np.float32)
    graph(
        path,
        [helper.make_node("Flatten", ["image"], ["flat"]),
         helper.make_node("MatMul", ["flat", "w"], ["logits"])],
        [("image", "FP32", ["n", *shape])], [("logits", "FP32", ["n", 2])],
        ("w", weights[: np.prod(shape)]),
    )  # fmt: skip
    image = Image(4, 6, max_pixels=2_000, **more)
    scores = Output("logits", "FP32", (-1, 2), role="scores", activation="sigmoid")
    item = Input("image", "FP32", (-1, *shape), "image", 6_000, image=image)
    return "multilabel", Signature((item,), (scores,), labels=("rude", "gore"),
                                   threshold=0.4)  # fmt: skip


def photos(path):
    """As Caffe's models want it."""
    return pictures(path, channels="BGR", layout="NHWC", scale=1.0, jpeg=75,
                    mean=(104, 117, 123), resize=(8, 9), filter="bicubic")  # fmt: skip


def sketches(path):
    """Grey, the shorter side scaled and the middle cropped."""
    return pictures(path, channels="L", resize=(7,), deviation=(0.5,))


def voice(path):
    """Whole tensors with a state in and out; a rate that may be left out."""
    graph(
        path,
        [helper.make_node("Add", ["state", "gain"], ["next"]),
         helper.make_node("ReduceSum", ["samples"], ["loud"], keepdims=0)],
        [("samples", "FP32", ["n", "t"]), ("state", "FP32", [2, 1, 2]),
         ("gain", "FP32", [])],
        [("loud", "FP32", []), ("next", "FP32", [2, 1, 2])],
    )  # fmt: skip
    return "tensor", Signature(
        (Input("samples", "FP32", (-1, -1), "array"),
         Input("state", "FP32", (2, 1, 2), "array", default=0),
         Input("gain", "FP32", (), "array", default=0.5)),
        (Output("loud", "FP32", ()), Output("next", "FP32", (2, 1, 2))),
    )  # fmt: skip


def single(path):
    """A batch of one, and a tensor that may be left out."""
    graph(
        path,
        [helper.make_node("Add", ["x", "bias"], ["sum"]),
         helper.make_node("Identity", ["x"], ["same"])],
        [("x", "FP32", [1, 2]), ("bias", "FP32", [1, 2])],
        [("sum", "FP32", [1, 2]), ("same", "FP32", [1, 2])],
    )  # fmt: skip
    return "tensor", Signature(
        (Input("x", "FP32", (1, 2), "tensor"),
         Input("bias", "FP32", (1, 2), "tensor", default=2)),
        (Output("sum", "FP32", (1, 2)), Output("same", "FP32", (1, 2))),
    )  # fmt: skip


MAKERS = (texts, first, lines, pictures, photos, sketches, voice, single)


def tokenizer(path):
    """A tokenizer of four words."""
    words = {"[UNK]": 0, "[PAD]": 1, "good": 2, "game": 3, "well": 4}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(path))
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Each model as the service has it, and as a device does that fetched it."""
    folder = tmp_path_factory.mktemp("models")
    registry = Registry(MemoryStore())
    chosen = Settings(cache=str(folder / "cache"), downloads="*")
    made = {}
    for maker in MAKERS:
        name = maker.__name__
        here = folder / name
        here.mkdir()
        kind, signature = maker(here / "model.onnx")
        files = {"model.onnx": here / "model.onnx"}
        for file in signature.files:
            files[file] = tokenizer(here / file)
        registry.publish(
            Manifest(name, kind, signature, (Variant("fp32", "model.onnx"),), "fp32"),
            files, by="ada",
        )  # fmt: skip
        told = json.loads(json.dumps(Downloads(registry, chosen).version(name, "1")))
        bundle = Bundle.read(told, name)
        assert {file.name for file in bundle.files} == set(files)
        service = load(registry, Reference(name, version=1), chosen)
        made[name] = service, Graph.open(bundle, here, lambda: 0.0), here
    return made


def both(pair, inputs):
    """Ask both; return what each says and warns of, or how it refuses."""
    service, device, _ = pair
    places = [f"/inputs/{n}" for n in range(len(inputs))]
    context, warnings = RequestContext(), Warnings()
    try:
        told = service.predict(inputs, places, Options(), context)
        finite(told, places, context.warnings)
        told = [*told, context.warnings.to_json()]
    except Problem as problem:
        told = problem.code, problem.pointer, problem.detail
    try:
        found = device.answer(inputs, places, {}, warnings)
        found = [*found, warnings.to_json()]
    except StatusError as error:
        found = error.code, error.pointer, error.detail
    return told, found


def _encoded():
    """Images of several sizes, modes and formats, in base64."""
    rng = np.random.default_rng(2)
    for size in ((1, 1), (1, 7), (5, 3), (6, 4), (31, 20), (20, 31), (60, 50)):
        pixels = rng.integers(0, 256, (*size, 4), np.uint8)
        for mode in ("RGB", "RGBA", "L", "LA", "P"):
            for kind in ("PNG", "WEBP", "GIF"):
                buffer = io.BytesIO()
                PIL.Image.fromarray(pixels).convert(mode).save(buffer, kind)
                yield base64.b64encode(buffer.getvalue()).decode()


images = st.builds(
    lambda start, text, end: start + text[:end],
    st.sampled_from(["", "", "data:image/png;base64,", "?"]),
    st.sampled_from(list(_encoded())),
    st.sampled_from([None, None, None, 40, 7]),
)
numbers = st.floats(-100, 100, width=32) | st.none() | st.just("x")
rows = st.lists(st.lists(numbers, min_size=1, max_size=3), min_size=1, max_size=2)
words = st.lists(st.sampled_from(["good", "game", "well", "gg", "好"]), max_size=9)
INPUTS = {
    **dict.fromkeys(["texts", "first", "lines"], words.map(" ".join) | st.integers()
                    | words.map(lambda some: {"text": " ".join(some)})),
    **dict.fromkeys(["pictures", "photos", "sketches"],
                    images | st.integers() | images.map(lambda i: {"image": i})),
    "voice": st.fixed_dictionaries(
        {}, optional={"samples": rows, "state": rows, "gain": numbers, "sample": rows}
    ),
    "single": st.fixed_dictionaries(
        {}, optional={name: st.lists(numbers, min_size=2, max_size=2) | numbers
                      for name in ("x", "bias")}),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_the_device_answers_as_the_service(pairs, name, data):
    """The same answers, warnings and refusals, whatever is sent."""
    inputs = data.draw(st.lists(INPUTS[name], min_size=1, max_size=3))
    told, found = both(pairs[name], inputs)
    assert found == told


@pytest.mark.parametrize(
    ("name", "given", "key"),
    [
        ("texts", "well good game", "embedding"),
        ("lines", "well good game", "judged_part"),
        ("pictures", RED, "labels"),
        ("voice", {"samples": [[1, 2]]}, "outputs"),
        ("single", {"x": [1, 2]}, "outputs"),
    ],
)  # fmt: skip
def test_each_is_answered(pairs, name, given, key):
    """That both agree is worth something only where both answer."""
    told, found = both(pairs[name], [given])
    assert key in found[0]
    assert told == found


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("texts", "tokenizers", "hotseat[texts]"), ("photos", "PIL.Image",
                                                 "hotseat[images]")],
)  # fmt: skip
def test_what_a_version_needs_is_named(pairs, monkeypatch, name, package, extra):
    """The package that reads its inputs comes with an extra."""
    _, device, folder = pairs[name]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError) as error:
        Graph.open(device.bundle, folder, lambda: 0.0)
    assert extra in str(error.value)


def test_a_damaged_tokenizer_is_refused(pairs, tmp_path):
    """It is as untrusted as the rest."""
    _, device, folder = pairs["texts"]
    (tmp_path / "model.onnx").symlink_to(folder / "model.onnx")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TransportError, match=r"tokenizer\.json does not load"):
        Graph.open(device.bundle, tmp_path, lambda: 0.0)
