"""OpenAI's own clients, unmodified, against a served language model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests import language_models

from hotseat_registry import open_registry

CLIENTS = Path(__file__).parents[2] / ".venv/openai"
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


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Return the address of `hotseat serve` with the model of letters."""
    if not (CLIENTS / "ready").exists():
        pytest.skip("OpenAI's clients are not set up: make .venv/openai/ready")
    folder = tmp_path_factory.mktemp("letters")
    registry = open_registry(f"file://{folder}/registry")
    language_models.publish(registry, folder / "files")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("hotseat"), "serve", "--port", "0",
         "--registry", f"file://{folder}/registry"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    line = process.stdout.readline()
    yield f"http://{line.rpartition('http://')[2].split()[0]}/v1"
    process.kill()
    process.communicate()


@pytest.mark.parametrize("language", ["python", "node"])
def test_the_client_works_unmodified(language, url, tmp_path):
    """Lists, chats, streams, holds to a schema, and reads a refusal."""
    if language == "python":
        command = [CLIENTS / "bin/python", "-c", PYTHON]
    else:
        script = CLIENTS / "node" / "test.mjs"
        script.write_text(NODE)
        command = ["node", script]
    done = subprocess.run(
        [*command, url, json.dumps(FORM)],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("value")["gold"] in range(1, 10)
    assert found == {
        "models": ["letters"],
        "whole": "abcde",
        "streamed": "abcde",
        "missing": "model_not_found",
        "completion": "def",
    }
