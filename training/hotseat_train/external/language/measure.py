"""Measures a language model: perplexity, tokens a second, golden rows, memory."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_registry import Manifest
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.runtime.text_model import TextModel, shortfall
from hotseat_serve.text.text_request import TextRequest
from hotseat_train.evaluation.latency_memory import MEMORY
from hotseat_train.external.errors import UnclearError

_PROMPTS = (
    "Describe a rusty sword in one sentence.",
    "What does the innkeeper say about the storm?",
    "Name a quest for a young mage.",
)
_ANSWER = 24
"""Tokens of a golden answer."""
_WINDOW = 256
"""Tokens of held-out text that are read together."""
_MOST = 40_000
"""Tokens of held-out text, at most."""
_ROUNDING = 0.05
"""Tolerance of logits for the float rounding of other CPUs."""
_INTEGERS = 1.0
"""Of variants with products of 8-bit integers, which CPUs add in other ways."""
_FRESH = f"""{MEMORY}
import json, sys, time
from hotseat_registry import Manifest
from hotseat_serve.runtime.loader import open_variant
from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.text.text_request import TextRequest
import hotseat_serve.adapters.api_gateway, hotseat_serve.api.router # as a function has

work = json.load(sys.stdin)
manifest = Manifest.from_json(work["manifest"])
before = memory("VmRSS")
paths = {{name: Path(path) for name, path in work["paths"].items()}}
model = open_variant(manifest, work["variant"], paths, 1, 600).text
request = TextRequest(**work["request"])
answering = model.answer(request, Warnings())
next(answering)
cold = time.time() - work["began"]
for _ in answering:
    pass
print(json.dumps({{"cold_start_ms": 1000 * cold,
                  "memory_bytes": memory("VmHWM") - before}}))
"""
_STARTS = 3


def read_texts(path: Path) -> list[str]:
    """Return held-out texts: a line each, or the field ``text`` of JSON lines."""
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        if path.suffix == ".jsonl":
            lines = [str(json.loads(line)["text"]) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnclearError(f"--held-out {path} cannot be read: {error!r}") from None
    if not lines:
        raise UnclearError(f"--held-out {path} has no text")
    return lines


def perplexity(model: TextModel, texts: Sequence[str]) -> tuple[float, int]:
    """Return the perplexity of texts under a model, and how many tokens it is of.

    It is exp of the mean negative log likelihood of a token, given those before it in
    its text, in windows of at most 256 tokens.
    """
    total, count = 0.0, 0
    window = min(_WINDOW, model.plan.context_tokens)
    for text in texts:
        tokens = model.vocabulary.encode(text)
        for at in range(0, len(tokens), window):
            part = tokens[at : at + window]
            if len(part) < 2 or count >= _MOST:
                continue
            logits = model.run_tokens(part[:-1]).astype(np.float64)
            highest = logits.max(1)
            sums = np.log(np.exp(logits - highest[:, None]).sum(1)) + highest
            total += float((sums - logits[np.arange(len(part) - 1), part[1:]]).sum())
            count += len(part) - 1
    if not count:
        raise UnclearError("the held-out texts have no two tokens together")
    return float(np.exp(total / count)), count


def golden_rows(models: dict[str, TextModel]) -> dict[str, Any]:
    """Return greedy answers of the first variant, and each variant's tolerance."""
    first = next(iter(models.values()))
    rows = []
    for request in golden_requests(first):
        answering = first.answer(request, Warnings())
        for _ in answering:
            pass
        answer = list(answering.writer.pieces.token_ids)
        prompt = first.decoder.tokens[: answering.prompt_tokens]
        if answer:
            rows.append({"prompt": list(prompt), "answer": answer})
    if not rows:
        raise UnclearError("the model answers nothing to any of the golden prompts")
    tolerance = {}
    for name, model in models.items():
        off = max(shortfall(model, row["prompt"], row["answer"]) for row in rows)
        least = _INTEGERS if "int" in name or name == "original" else _ROUNDING
        tolerance[name] = round(max(least, 2 * off), 4)
    return {"rows": rows, "tolerance": tolerance}


def golden_requests(model: TextModel) -> list[TextRequest]:
    """Return requests that every version answers: slots have their first choice."""
    plan = model.plan
    found = []
    for prompt in _PROMPTS:
        context = {
            slot.name: (slot.choices or (prompt[: slot.max_characters],))[0]
            for slot in plan.callers_slots
        }
        found.append(
            TextRequest(
                prompt=None if plan.messages else prompt,
                context=context if plan.messages else None,
                max_tokens=min(_ANSWER, plan.most_tokens),
                temperature=0,
            )
        )
    return found


def speed(model: TextModel, tokens: int = 48) -> dict[str, float]:
    """Return tokens a second after the first one, and milliseconds to the first one.

    The medians of three answers; the cache has what the template begins with.
    """
    firsts, rates = [], []
    for request in golden_requests(model):
        start = time.perf_counter()
        answering = model.answer(request, Warnings())
        next(answering)
        first = time.perf_counter()
        for _ in answering:
            if answering.usage()["completion_tokens"] >= tokens:
                break
        answering.close()
        count = answering.usage()["completion_tokens"] - 1
        firsts.append(1000 * (first - start))
        if count > 0:
            rates.append(count / (time.perf_counter() - first))
    return {
        "first_token_ms": round(statistics.median(firsts), 1),
        "tokens_per_second": round(statistics.median(rates), 1) if rates else 0.0,
    }


def fresh_process(manifest: Manifest, variant: str, folder: Path) -> dict[str, float]:
    """Return memory, and milliseconds from a process's start to its first token."""
    plan = manifest.signature.text
    assert plan is not None
    request: dict[str, Any] = {"max_tokens": 8, "temperature": 0}
    if plan.messages:
        request["context"] = {
            slot.name: (slot.choices or ("a",))[0] for slot in plan.callers_slots
        }
    else:
        request["prompt"] = _PROMPTS[0]
    work = {
        "manifest": manifest.to_json(),
        "variant": variant,
        "paths": {
            "graph": str(folder / manifest.variant(variant).file),
            plan.tokenizer: str(folder / plan.tokenizer),
        },
        "request": request,
    }
    runs = [_measure(work) for _ in range(_STARTS)]
    memory = max(run["memory_bytes"] for run in runs)
    cold = statistics.median(run["cold_start_ms"] for run in runs)
    return {
        "cold_start_ms": round(cold, 1),
        **({"memory_bytes": round(memory)} if memory > 0 else {}),
    }


def _measure(work: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", _FRESH],
        input=json.dumps({**work, "began": time.time()}),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found
