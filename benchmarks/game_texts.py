"""A language model tuned on game texts beside the untuned one.

    hotseat finetune .venv/text/SmolLM2*-weights item-texts npc-lines
    make bench-game-texts TUNED=FOLDER  # the one that finetune names

Both are published as int8 and answer requests held back from the training, through the
serving code: how varied the texts are, how often they repeat themselves or what was
trained on, and which share passes the packaged chat moderation; perplexity of the
answers to requests held back, and how far int8 and int4 of the untuned model lie above
fp32. Fifty pairs become a page on which a person judges without names
(``build/game-texts.html``).
"""

import argparse
import math
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.runtime.loader import open_variant
from hotseat_serve.text.prompt import write_prompt
from hotseat_serve.text.text_request import TextRequest
from hotseat_train.external.language.publish import LanguageOptions, prepare
from hotseat_train.language import cataclysm, moderation
from hotseat_train.language.examples import split
from hotseat_train.language.fluency import fluency
from hotseat_train.machine import cpu
from hotseat_train.reports.blind_page import Pair, blind_page

SYSTEM = "You write game texts."
PAGE = Path("build/game-texts.html")


def opened(source, folder):
    """Return the model of a folder as int8, and what was measured of it."""
    options = LanguageOptions(precisions=("int8",))
    prepared = prepare(source, "texts", options, folder, lambda _line: None)
    variant = prepared.manifest.variants[0]
    paths = {"graph": prepared.files[variant.file],
             "tokenizer.json": prepared.files["tokenizer.json"]}  # fmt: skip
    return open_variant(prepared.manifest, variant.name, paths, 1, 600).text


def rises(source, answers, folder):
    """Return how far the perplexity of each precision lies above fp32's, as a share."""
    held_out = folder / "held-out.txt"
    held_out.write_text("\n".join(" ".join(each.split()) for each in answers))
    options = LanguageOptions(
        held_out=held_out, precisions=("fp32", "int8", "int4"), max_rise=9.0
    )
    prepared = prepare(source, "texts", options, folder, lambda _line: None)
    return {
        variant.name: variant.metrics["perplexity_rise"]
        for variant in prepared.manifest.variants[1:]
    }


def asked_for(request, **options):
    """Return the request for a text, as in the tuning."""
    return TextRequest(messages=(("system", SYSTEM), ("user", request)), **options)


def perplexity(model, rows):
    """Return the perplexity of a token of the answers, given their requests."""
    total, count = 0.0, 0
    for row in rows:
        prompt = write_prompt(
            model.plan, asked_for(row.request), model.vocabulary.special, Warnings()
        )
        first = len(model.vocabulary.encode(prompt))
        tokens = [
            *model.vocabulary.encode(prompt + row.answer), *model.plan.stop_tokens[:1]
        ]  # fmt: skip
        logits = model.run_tokens(tokens[:-1])[first - 1 :].astype(np.float64)
        highest = logits.max(1)
        sums = np.log(np.exp(logits - highest[:, None]).sum(1)) + highest
        total += (sums - logits[np.arange(len(logits)), tokens[first:]]).sum()
        count += len(logits)
    return math.exp(total / count)


def write(model, request, seed):
    """Return a text of at most 60 tokens."""
    asked = asked_for(request, max_tokens=60, temperature=0.7, seed=seed)
    answering = model.answer(asked, Warnings())
    for _ in answering:
        pass
    return " ".join(answering.text.split())


def main():
    """Measure and print; write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("untuned", type=Path, help="a Hugging Face folder")
    parser.add_argument("tuned", type=Path, help="the folder that finetune names")
    parser.add_argument("--pairs", type=int, default=50)
    arguments = parser.parse_args()
    kinds = {"items": cataclysm.item_texts(), "lines": cataclysm.npc_lines()}
    parts = {name: split(rows) for name, rows in kinds.items()}
    trained_on = frozenset(
        each.answer for part in parts.values() for each in part.training
    )
    held = [
        each for part in parts.values() for each in part.test[: arguments.pairs // 2]
    ]
    texts, perplexities, by = {}, {}, moderation.packaged()
    with tempfile.TemporaryDirectory() as name:
        for which in ("tuned", "untuned"):
            folder = Path(name, which)
            folder.mkdir()
            model = opened(getattr(arguments, which), folder)
            texts[which] = [
                write(model, row.request, at) for at, row in enumerate(held)
            ]
            perplexities[which] = [
                f"{perplexity(model, part.test):.1f} ({kind}, {len(part.test)})"
                for kind, part in parts.items()
            ]
        folder = Path(name, "precisions")
        folder.mkdir()
        answers = [row.answer for row in parts["items"].test]
        for precision, rise in rises(arguments.untuned, answers, folder).items():
            print(
                f"{precision:>8}: perplexity of item descriptions {rise:+.1%} of fp32"
            )
    print(f"{len(held)} requests held back, int8, one thread, {cpu()}")
    for which, found in texts.items():
        passed = 1 - sum(by.flags(found)) / len(found)
        print(f"{which:>8}: {passed:.1%} of them pass {by.name}")
    for which, found in texts.items():
        shares = ", ".join(
            f"{name.replace('_', '-')} {value:.2f}"
            for name, value in asdict(fluency(found, trained_on)).items()
        )
        print(f"{which:>8}: {shares}; perplexity "
              f"{', '.join(perplexities[which])}")  # fmt: skip
    pairs = [
        Pair(row.request, *both)
        for row, both in zip(held, zip(*texts.values(), strict=True), strict=True)
    ]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(blind_page("Item texts and lines", ("tuned", "untuned"), pairs))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
