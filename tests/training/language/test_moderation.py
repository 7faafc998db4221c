"""Examples are left out by the filter's own judgement, and the card says how many."""

import json
from pathlib import Path

import language_models
import pytest

from hotseat._cli import main
from hotseat_registry import open_registry
from hotseat_train.errors import DatasetError
from hotseat_train.language import moderation, tuning
from hotseat_train.language.examples import Example

TOXIC = "You are a worthless idiot and I hope you die."


def test_the_packaged_version_flags_what_no_model_should_learn() -> None:
    """Its answers are judged, not what a player says."""
    by = moderation.packaged()
    assert by is not None
    kept = [Example(TOXIC, "The harbour lies to the north."), Example("Hi", "Welcome.")]
    rows = [kept[0], Example("Hello", TOXIC), kept[1]] * 40  # more than one batch
    assert moderation.unflagged(rows, by) == tuple(kept * 40)


def test_without_the_package_there_is_no_judge(tmp_path: Path) -> None:
    assert moderation.packaged(tmp_path) is None


def test_a_version_of_the_registry_can_judge(tmp_path: Path) -> None:
    """By its name alone its live version; one without a neutral label is refused."""
    registry = open_registry(f"file://{tmp_path}/registry")
    language_models.publish_filter(registry, tmp_path / "chat", ".*wood.*")
    by = moderation.of_registry(registry, "chat")
    assert (by.name, by.flags(["of wood", "of stone"])) == ("chat@1", [True, False])
    assert moderation.of_registry(registry, "chat@1").name == "chat@1"
    language_models.publish(registry, tmp_path / "letters")
    with pytest.raises(DatasetError, match="letters@1 has no neutral label"):
        moderation.of_registry(registry, "letters")


@pytest.mark.parametrize(("chosen", "judge", "left_out"), [
    ((), "the packaged chat-moderation", 20),
    (("--filter", "none"), None, 0),
])  # fmt: skip
def test_finetune_says_what_it_left_out(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    chosen: tuple[str, ...], judge: str | None, left_out: int,
) -> None:  # fmt: skip
    """In its output, and beside the weights for the card of a version."""
    rows = [
        {"request": f"item {n}", "answer": f"Item number {n} is made of oak."}
        for n in range(140)
    ]
    rows += [{"request": "x", "answer": f"{TOXIC} {n}"} for n in range(20)]
    examples = tmp_path / "lines.jsonl"
    examples.write_text("\n".join(map(json.dumps, rows)))
    words = ["finetune", source, examples, "--layers", 1, "--epochs", 1, "--run",
             tmp_path / "run", "--json", *chosen]  # fmt: skip
    assert main(list(map(str, words))) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["filter"], printed["left_out"]) == (judge, left_out)
    assert sum(printed["examples"]) == len(rows) - left_out
    written = tuning.read(tmp_path / "run/model")
    assert written is not None
    assert (written.filter, written.left_out) == (judge, left_out)
