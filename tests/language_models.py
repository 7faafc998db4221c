"""A language model small enough for tests: it knows which letter follows which.

Its graph has the interface of a real one (cache and all), its tokens are bytes. After a
prompt that ends with ``:`` it writes the alphabet as a sentence, again and again.
"""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from hotseat_registry import Manifest, Reference, Registry, Signature, Variant
from hotseat_registry.retrieval import Retrieval
from hotseat_registry.signature import Input, Output
from hotseat_registry.testing import MemoryStore
from hotseat_registry.text_plan import Message, Slot, TextPlan
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

BEGIN, END = "<|begin|>", "<|end|>"
ALPHABET = "abcdefghijklmnopqrstuvwxyz. "
ROLES = {
    "system": (f"{BEGIN}S:", END),
    "user": (f"{BEGIN}U:", END),
    "assistant": (f"{BEGIN}A:", END),
}
TEMPLATE = {
    "messages": (
        Message("system", "You are {name}."),
        Message("user", "{prompt}"),
    ),
    "slots": (Slot("name", 20, default="a guard"), Slot("prompt", 60)),
}


def tokenizer():
    """Return a tokenizer of bytes and the two special tokens."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({one: at for at, one in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(t, special=True) for t in (BEGIN, END)])
    return made


def next_logits():
    """Return logits [token, next token]: the alphabet in a circle."""
    made = tokenizer()
    size = made.get_vocab_size()
    table = np.random.default_rng(0).normal(0, 1, (size, size)).astype(np.float32)

    def number(letter):
        return made.encode(letter, add_special_tokens=False).ids[0]

    circle = [*map(number, ALPHABET)]
    for here, after in zip(circle, [*circle[1:], circle[0]], strict=True):
        table[here, after] = 8
    table[number(":"), circle[0]] = 8
    return table


def graph():
    """Return the graph: logits by a table, a cache that passes through."""
    table = next_logits()
    vocabulary = len(table)
    cache = ["b", 1, "past", 2]
    value, f, whole = (
        helper.make_tensor_value_info, TensorProto.FLOAT, TensorProto.INT64
    )  # fmt: skip
    names = [f"0.{part}" for part in ("key", "value")]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["plain"]),
        # the mask has an effect of zero, so that the graph keeps it
        helper.make_node("ReduceSum", ["attention_mask"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["float_sum"], to=f),
        helper.make_node("Mul", ["float_sum", "zero"], ["nothing"]),
        helper.make_node("Add", ["plain", "nothing"], ["logits"]),
        *(
            helper.make_node("Identity", [f"past_key_values.{n}"], [f"present.{n}"])
            for n in names
        ),
    ]
    made = helper.make_graph(
        nodes, "letters",
        [value("input_ids", whole, ["b", "n"]),
         value("attention_mask", whole, ["b", "m"]),
         *(value(f"past_key_values.{n}", f, cache) for n in names)],
        [value("logits", f, ["b", "n", vocabulary]),
         *(value(f"present.{n}", f, cache) for n in names)],
        [numpy_helper.from_array(table, "table"),
         numpy_helper.from_array(np.float32(0), "zero")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 19)]
    return helper.make_model(made, opset_imports=opset, ir_version=9)


def plan(**changes):
    """Return the plan of the small model."""
    end = tokenizer().token_to_id(END)
    return TextPlan(
        **{
            "layers": 1, "heads": 1, "head_size": 2, "vocabulary": len(next_logits()),
            "stop_tokens": (end,), "context_tokens": 400, "roles": ROLES,
            "temperature": 0.0, "top_p": 1.0, "max_tokens": 40, "most_tokens": 200,
            **changes,
        }
    )  # fmt: skip


def manifest(model="letters", **changes):
    """Return the manifest of the small model."""
    signature = Signature(
        (Input("prompt", "BYTES", (1,), "text"),),
        (Output("text", "BYTES", (1,)),),
        text=plan(**changes),
    )
    return Manifest(
        model, "text", signature, (Variant("fp32", "model.onnx"),), "fp32"
    )  # fmt: skip


def publish(registry, folder, model="letters", **changes):
    """Publish the small model and promote it."""
    folder.mkdir(exist_ok=True)
    onnx.save(graph(), folder / "model.onnx")
    tokenizer().save(str(folder / "tokenizer.json"))
    files = {n: folder / n for n in ("model.onnx", "tokenizer.json")}
    made = registry.publish(manifest(model, **changes), files, by="ada")
    registry.promote(Reference(model, version=made.version), by="ada")
    return made


def publish_filter(registry, folder, forbidden):
    """Publish a classification: texts that match the expression are toxic."""
    folder.mkdir(exist_ok=True)
    f, text = TensorProto.FLOAT, TensorProto.STRING
    nodes = [
        helper.make_node("RegexFullMatch", ["text"], ["found"], pattern=forbidden),
        helper.make_node("Cast", ["found"], ["toxic"], to=f),
        helper.make_node("Sub", ["one", "toxic"], ["ok"]),
        helper.make_node("Unsqueeze", ["toxic", "axis"], ["toxic_column"]),
        helper.make_node("Unsqueeze", ["ok", "axis"], ["ok_column"]),
        helper.make_node("Concat", ["ok_column", "toxic_column"], ["scores"], axis=1),
    ]
    made = helper.make_graph(
        nodes, "filter",
        [helper.make_tensor_value_info("text", text, ["n"])],
        [helper.make_tensor_value_info("scores", f, ["n", 2])],
        [numpy_helper.from_array(np.float32(1), "one"),
         numpy_helper.from_array(np.array([1]), "axis")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    onnx.save(
        helper.make_model(made, opset_imports=opset, ir_version=9),
        folder / "model.onnx",
    )
    signature = Signature(
        (Input("text", "BYTES", (-1,), "text"),), (Output("scores", "FP32", (-1, 2)),),
        labels=("ok", "toxic"), label_threshold=0.5, neutral_label="ok",
    )  # fmt: skip
    version = registry.publish(
        Manifest("chat", "classification", signature,
                 (Variant("fp32", "model.onnx"),), "fp32"),
        {"model.onnx": folder / "model.onnx"}, by="ada",
    )  # fmt: skip
    registry.promote(Reference("chat", version=version.version), by="ada")


def publish_lore(registry, folder, texts, model="lore"):
    """Publish a retrieval: a text is near to what has one of its words, b, c or d."""
    folder.mkdir(exist_ok=True)
    letters = "bcd"
    f, text = TensorProto.FLOAT, TensorProto.STRING
    nodes = [
        step
        for one in letters
        for step in (
            helper.make_node("RegexFullMatch", ["text"], [f"has_{one}"],
                             pattern=rf".*\b{one}.*"),
            helper.make_node("Cast", [f"has_{one}"], [f"is_{one}"], to=f),
            helper.make_node("Unsqueeze", [f"is_{one}", "axis"], [f"column_{one}"]),
        )
    ]  # fmt: skip
    columns = [f"column_{one}" for one in letters]
    nodes.append(helper.make_node("Concat", columns, ["embedding"], axis=1))
    made = helper.make_graph(
        nodes, "encoder",
        [helper.make_tensor_value_info("text", text, ["n"])],
        [helper.make_tensor_value_info("embedding", f, ["n", len(letters)])],
        [numpy_helper.from_array(np.array([1]), "axis")],
    )  # fmt: skip
    opset = [helper.make_opsetid("", 20)]
    onnx.save(
        helper.make_model(made, opset_imports=opset, ir_version=9),
        folder / "model.onnx",
    )
    found = np.array([[f" {one}" in f" {t}" for one in letters] for t in texts], "<f4")
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    (folder / "vectors.data").write_bytes(found.tobytes())
    ids = [f"d{at}" for at in range(len(texts))]
    documents = {"ids": ids, "texts": list(texts), "metadata": {}}
    (folder / "documents.json").write_text(json.dumps(documents))
    signature = Signature(
        (Input("text", "BYTES", (-1,), "text"),),
        (Output("embedding", "FP32", (-1, len(letters)), normalize=True),),
        retrieval=Retrieval(len(texts), len(letters)),
    )
    version = registry.publish(
        Manifest(model, "retrieval", signature, (Variant("fp32", "model.onnx"),),
                 "fp32"),
        {n: folder / n for n in ("model.onnx", "vectors.data", "documents.json")},
        by="ada",
    )  # fmt: skip
    registry.promote(Reference(model, version=version.version), by="ada")


def router(folder, *, settings=None, **changes):
    """Return a router with the small model live as ``letters``."""
    registry = Registry(MemoryStore())
    publish(registry, folder / "letters", **changes)
    settings = settings or Settings(
        cache=str(folder / "cache"), log=False, registry="memory://"
    )
    return Router(ModelCache(registry, settings), settings)
