"""The verb `finetune`."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    add_trust,
    answering,
    registry,
)
from hotseat_train.errors import RunError, TrainError

if TYPE_CHECKING:
    from hotseat_train.language.examples import Parts

# torch and transformers take seconds to import: only a verb that runs imports them

_OURS = ("item-texts", "npc-lines")


def finetune(parser: argparse.ArgumentParser) -> Run:
    """Tune the last layers of a language model on texts of a game."""
    parser.description = (
        "Tune the last layers of a language model on examples: requests with the "
        "answers to learn. A twentieth of them chooses the best epoch, another is held "
        "back and reported; answers in nearly the same words are never in two parts. "
        "The same command resumes an interrupted run."
    )
    parser.epilog = (
        "example: hotseat finetune smollm2.gguf lines.jsonl --system 'You are the "
        "keeper of an inn.', then hotseat publish on the folder that it names"
    )
    parser.add_argument(
        "source", type=Path, help="a Hugging Face folder or a GGUF file, Llama-like"
    )
    parser.add_argument(
        "examples",
        nargs="+",
        help='files of lines {"request": "..", "answer": ".."}, or the game texts '
        f"{' and '.join(_OURS)} (Cataclysm: Dark Days Ahead, CC-BY-SA-3.0)",
    )
    parser.add_argument(
        "--system",
        default="You write game texts.",
        help="system message before each request (default: %(default)s)",
    )
    parser.add_argument(
        "--layers",
        type=int,
        default=6,
        help="that learn (default: the last %(default)s)",
    )
    parser.add_argument("--epochs", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--rows", type=int, help="train on the first examples only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--filter",
        metavar="VERSION|none",
        help="examples whose answers it flags are left out: a moderation version of "
        "the registry (default: the packaged chat-moderation)",
    )
    parser.add_argument(
        "--credit",
        metavar="TEXT",
        help="whose the examples of files are, and their licence, for the card",
    )
    parser.add_argument(
        "--run",
        type=Path,
        metavar="DIR",
        help="the run's folder (default: .hotseat/runs/finetune/NAME)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_registry(parser)
    add_trust(parser)
    return _finetune


@answering(TrainError)
def _finetune(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.external.language.convert import unpacked
    from hotseat_train.language import cataclysm
    from hotseat_train.language.tuning import REQUESTS, LearnedFrom, Tuning

    try:
        from hotseat_train.language.finetune import Plan, finetune
    except ModuleNotFoundError as error:
        raise RunError(
            f"{error.name} is not installed: pip install 'hotseat-platform[language]'"
        ) from error

    whole, judge, left_out = _examples(arguments)
    folder = arguments.run or run.RUNS / "finetune" / Path(arguments.examples[0]).stem
    source = arguments.source
    if source.suffix.lower() == ".gguf":
        source = unpacked(source, folder / "source")
    plan = Plan(
        arguments.system,
        layers=arguments.layers,
        epochs=arguments.epochs,
        seed=arguments.seed,
    )
    counts = [len(part) for part in (whole.training, whole.validation, whole.test)]

    def say(line: str) -> None:
        if not arguments.json:
            print(f"finetune: {line}", flush=True)

    say("{} examples to learn from, {} to choose by, {} held back".format(*counts))
    say(f"{left_out} left out: {judge} flags them" if judge else "no filter chose")
    tuned = finetune(source, whole, plan, folder, say)
    every = max(1, len(whole.test) // REQUESTS)  # some of each file
    Tuning(
        arguments.source.stem,
        plan.system,
        plan.layers,
        len(whole.training),
        len(whole.test),
        tuned.before,
        tuned.after,
        tuple(
            LearnedFrom(each, cataclysm.CREDIT, cataclysm.LICENCE)
            if each in _OURS
            else LearnedFrom(Path(each).name, arguments.credit)
            for each in arguments.examples
        ),
        tuple(example.request for example in whole.test[::every][:REQUESTS]),
        judge,
        left_out,
    ).write(folder / "model")
    if arguments.json:
        print(json.dumps({
            "model": str(folder / "model"), "examples": counts, "filter": judge,
            "left_out": left_out, "steps": tuned.steps,
            "perplexity": {"before": tuned.before, "after": tuned.after},
        }))  # fmt: skip
        return DONE
    print(
        f"perplexity of the answers held back: {tuned.before:.2f} before, "
        f"{tuned.after:.2f} after ({tuned.after / tuned.before - 1:+.0%})"
    )
    print(f"  wrote {folder / 'model'}")
    print(f"  next: hotseat publish {folder / 'model'} --model NAME")
    return DONE


def _examples(arguments: argparse.Namespace) -> tuple["Parts", str | None, int]:
    """Return the examples that pass the filter, its name, and how many do not."""
    from hotseat_train.language import cataclysm, moderation
    from hotseat_train.language.examples import Example, Parts, read, split

    ours = dict(zip(_OURS, (cataclysm.item_texts, cataclysm.npc_lines), strict=True))
    parts = []
    for each in arguments.examples:
        rows: list[Example] = ours[each]() if each in ours else read(Path(each))
        parts.append(split(rows))
    training, validation, test = (
        tuple(example for part in parts for example in getattr(part, name))
        for name in ("training", "validation", "test")
    )
    by, filtered = None, 0
    if arguments.filter is None:
        by = moderation.packaged()
    elif arguments.filter != "none":
        by = moderation.of_registry(registry(arguments), arguments.filter)
    if by is not None:
        before = len(training) + len(validation)
        training = moderation.unflagged(training, by)
        validation = moderation.unflagged(validation, by)
        filtered = before - len(training) - len(validation)
    if arguments.rows:
        training = training[: arguments.rows]
        validation = validation[: arguments.rows]
    return Parts(training, validation, test), by.name if by else None, filtered
