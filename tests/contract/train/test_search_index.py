"""Documents become a version that is searched: `hotseat index`, then the service."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from small_models import constant, graph, node, value

from hotseat_registry import (
    Input,
    Manifest,
    Output,
    Reference,
    Registry,
    Signature,
    Variant,
)
from hotseat_registry.errors import IntegrityError
from hotseat_registry.stores import open_store
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings
from hotseat_train.cli.index import index
from hotseat_train.errors import TrainError
from hotseat_train.external import documents
from hotseat_train.external.compress import compress
from hotseat_train.external.examples import Examples
from hotseat_train.external.version import fetch

WORDS = ("dragon", "castle", "sword", "river")
LORE = (
    {"id": "d1", "text": "dragon castle", "region": "north", "level": 3},
    {"id": "d2", "text": "sword", "region": "south", "level": 9},
    {"id": "d3", "text": "river castle", "region": "north"},
    {"id": "d4", "text": "river", "region": "south", "level": 1},
)


def encoder(path):
    """Write a graph that marks which of four words a text has; return its signature."""
    nodes = [
        node("RegexFullMatch", ["text"], [f"has_{word}"], pattern=f".*{word}.*")
        for word in WORDS
    ]
    nodes += [node("Cast", [f"has_{word}"], [f"one_{word}"], to=TensorProto.FLOAT)
              for word in WORDS]  # fmt: skip
    nodes += [node("Unsqueeze", [f"one_{word}", "axis"], [f"column_{word}"])
              for word in WORDS]  # fmt: skip
    columns = [f"column_{word}" for word in WORDS]
    nodes.append(node("Concat", columns, ["embedding"], axis=1))
    made = graph(
        nodes, [value("text", TensorProto.STRING, ["n"])],
        [value("embedding", TensorProto.FLOAT, ["n", 4])],
        [constant("axis", np.array([1], np.int64))],
    )  # fmt: skip
    made.opset_import[0].version = 20
    onnx.save(made, path)
    return Signature(
        (Input("text", "BYTES", (-1,), "text", max_bytes=200),),
        (Output("embedding", "FP32", (-1, 4), normalize=True),),
    )


@pytest.fixture
def registry(tmp_path):
    """A registry with the encoder."""
    registry = Registry(open_store((tmp_path / "registry").as_uri()))
    signature = encoder(tmp_path / "encoder.onnx")
    manifest = Manifest("encoder", "embedding", signature,
                        (Variant("fp32", "model.onnx"),), "fp32")  # fmt: skip
    registry.publish(manifest, {"model.onnx": tmp_path / "encoder.onnx"}, by="ada")
    return registry


def run(tmp_path, registry, *arguments):
    """Run the verb as the command does; returns its exit status."""
    import argparse

    path = tmp_path / "lore.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in LORE))
    parser = argparse.ArgumentParser()
    verb = index(parser)
    given = [str(path), "--encoder", "encoder@1", "--registry", registry.store.uri]
    return verb(parser.parse_args([*given, *arguments]))


def asker(registry, tmp_path, keys=""):
    registry.promote(Reference("lore", version=1), by="ada")
    settings = Settings(cache=str(tmp_path / "cache"), decrypt_keys=keys)
    router = Router(ModelCache(registry, settings), settings)

    def ask(text, **options):
        body = {"input": {"text": text}, "options": options}
        answer = router.answer(
            Request("POST", "/v1/models/lore/predict", json.dumps(body).encode())
        )
        return answer.status, json.loads(answer.body)

    return ask


@pytest.mark.parametrize("half", [(), ("--half",)])
def test_encrypted_documents_are_found_as_well(tmp_path, registry, half):
    """Vectors and documents are decrypted in memory; the cache has none of them."""
    key = tmp_path / "blobs.key"
    key.write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    assert run(tmp_path, registry, *half, "--encrypt", str(key)) == 0
    ask = asker(registry, tmp_path, str(key))
    status, answer = ask("a castle by the river", top_k=2)
    assert status == 200
    assert answer["matches"][0]["text"] == "river castle"
    for path in filter(Path.is_file, (tmp_path / "cache").rglob("*")):
        assert b"river castle" not in path.read_bytes()


@pytest.mark.parametrize("half", [(), ("--half",)])
def test_documents_are_found_by_what_they_say(tmp_path, registry, half):
    """The nearest first, with what an answer says of each, filtered as asked."""
    assert run(tmp_path, registry, *half) == 0
    ask = asker(registry, tmp_path)
    status, answer = ask("a castle by the river", top_k=2)
    assert status == 200
    first, second = answer["matches"]
    assert first["score"] == pytest.approx(1, abs=1e-3)
    assert second["score"] == pytest.approx(0.7071, abs=1e-3)
    assert first | {"score": 1} == {
        "id": "d3", "score": 1, "text": "river castle", "metadata": {"region": "north"},
    }  # fmt: skip
    _, answer = ask("castle", filter={"level": {"min": 2}}, min_score=0.1)
    assert [match["id"] for match in answer["matches"]] == ["d1"]
    status, answer = ask("castle", filter={"place": "north"})
    assert (status, answer["pointer"]) == (422, "/options/filter/place")


def test_a_search_is_a_version_like_any_other(tmp_path, registry):
    """Its golden rows, its digests, and vectors that fit the encoder."""
    run(tmp_path, registry)
    manifest = registry.resolve(Reference("lore", version=1))
    assert (manifest.kind, manifest.format) == ("retrieval", 5)
    assert manifest.lineage["encoder"] == "encoder@1"
    assert {"vectors.data", "documents.json", "golden.json"} <= set(manifest.files)
    short = tmp_path / "short.data"
    short.write_bytes(b"1234")
    files = {"model.onnx": tmp_path / "encoder.onnx", "vectors.data": short,
             "documents.json": tmp_path / "lore.jsonl"}  # fmt: skip
    fresh = Manifest.from_json({**manifest.to_json(), "version": 0, "files": {},
                                "golden": None})  # fmt: skip
    with pytest.raises(IntegrityError, match="4 bytes; 4 vectors take 64"):
        registry.publish(fresh, files, by="ada")


def test_variants_are_the_encoders(tmp_path, registry):
    """Agreement of vectors says nothing about documents: quantize refuses."""
    run(tmp_path, registry)
    original = fetch(registry, Reference("lore", version=1), tmp_path)
    with pytest.raises(TrainError, match="lore is a retrieval: quantize what it is of"):
        compress(original, Examples([{"text": "a"}], None, 0), tmp_path)


def test_an_index_needs_an_encoder_of_texts(tmp_path, registry, capsys):
    """Nothing else of the registry can stand for it."""
    run(tmp_path, registry)
    assert run(tmp_path, registry, "--encoder", "lore@1") == 1
    assert "lore@1 is of kind retrieval" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", '{"text": "a"}\n{"txt": "b"}', "line 2: it has no text in 'text'"),
        ("a.jsonl", '{"text": "a"}\n[]', "line 2: expected an object"),
        ("a.jsonl", '{"text": "a", "tags": [1]}', "'tags' is no text, number"),
        ("a.jsonl", '{"text": "a", "id": 1}\n{"text": "b", "id": "1"}', "the id '1'"),
        ("a.csv", "word\nhello", "no column 'text'"),
        ("a.csv", "text\na,b", "more values than columns"),
        ("a.txt", "\n\n", "has 0 documents"),
        ("a.xml", "<a/>", r"suffixes \.txt, \.jsonl, \.csv"),
    ],
)
def test_documents_with_a_mistake_say_where(tmp_path, name, content, says):
    """By line and field."""
    (tmp_path / name).write_text(content)
    with pytest.raises(TrainError, match=says):
        documents.read(tmp_path / name)


def test_a_line_or_a_row_is_a_document(tmp_path):
    """Ids are the numbers of documents where nothing else is given."""
    (tmp_path / "a.txt").write_text("one\u2028two\r\n\nthree\n")
    assert documents.read(tmp_path / "a.txt").to_json() == {
        "ids": ["1", "2"], "texts": ["one\u2028two", "three"], "metadata": {},
    }  # fmt: skip
    (tmp_path / "a.csv").write_text("key,line,place\nx,hello,\ny,bye,north\n")
    found = documents.read(tmp_path / "a.csv", "line", "key")
    assert found.ids == ("x", "y")
    assert found.metadata == {"place": (None, "north")}
