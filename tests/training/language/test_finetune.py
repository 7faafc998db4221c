"""The tuning on a model of two thousand weights, with a tokenizer of bytes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaForCausalLM

from hotseat._cli import main
from hotseat_registry import Reference, open_registry
from hotseat_train.errors import RunError
from hotseat_train.language.examples import Example, Parts
from hotseat_train.language.finetune import Plan, finetune

PLAN = Plan("Write.", layers=1, epochs=4, rate=2e-2, tokens=512)


def _parts() -> Parts:
    rows = [Example(f"item {at}", f"A {at % 7} made of wood.") for at in range(120)]
    return Parts(tuple(rows[:100]), tuple(rows[100:110]), tuple(rows[110:]))


def _weights(folder: Path) -> dict[str, Any]:
    model = LlamaForCausalLM.from_pretrained(folder)
    return {name: value.detach() for name, value in model.named_parameters()}


def test_the_last_layer_learns_and_the_others_stay(
    source: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    tuned = finetune(source, _parts(), PLAN, tmp_path, lines.append)
    assert tuned.after < tuned.before / 2
    before, after = _weights(source), _weights(tmp_path / "model")
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed
    assert all("layers.2." in name or name == "model.norm.weight" for name in changed)
    assert any(line.startswith("epoch 4 of 4") for line in lines)


def test_an_interrupted_run_ends_as_one_in_one_piece(
    source: Path, tmp_path: Path
) -> None:
    whole = finetune(source, _parts(), PLAN, tmp_path / "a")

    def say(line: str) -> None:
        if line.startswith("epoch 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(source, _parts(), PLAN, tmp_path / "b", say)
    resumed = finetune(source, _parts(), PLAN, tmp_path / "b")
    assert resumed.steps == whole.steps
    assert resumed.after == pytest.approx(whole.after, rel=0.02)


def test_what_cannot_be_tuned(source: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has 3 layers"):
        finetune(source, _parts(), replace(PLAN, layers=3), tmp_path)
    with pytest.raises(RunError, match="at most 5 tokens"):
        finetune(source, _parts(), replace(PLAN, longest=5), tmp_path)


def test_a_tuned_model_is_published_with_its_card(source: Path, tmp_path: Path) -> None:
    """`hotseat finetune`, then `hotseat publish` on the folder that it names."""
    examples = tmp_path / "own.jsonl"
    rows = (
        {"request": f"item {at}", "answer": f"{at} logs {at * 7} of wood {at % 9}."}
        for at in range(200)
    )
    examples.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    run = tmp_path / "run"
    assert not main([
        "finetune", str(source), str(examples), "--layers", "1", "--epochs", "1",
        "--run", str(run), "--credit", "texts of this test, CC0",
    ])  # fmt: skip
    uri = f"file://{tmp_path}/registry"
    assert not main([
        "publish", str(run / "model"), "--model", "items", "--precision", "fp32",
        "--registry", uri,
    ])  # fmt: skip
    version = open_registry(uri).resolve(Reference("items", version=1))
    assert version.variants[0].metrics["texts"] > 0
    assert "own.jsonl`: texts of this test, CC0." in version.card
    assert "answers held back, untuned" in version.card
