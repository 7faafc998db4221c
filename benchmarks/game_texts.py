"""A language model tuned on game texts beside the untuned one.

    hotseat finetune .venv/text/SmolLM2*-weights item-texts npc-lines
    make bench-game-texts TUNED=FOLDER  # the one that finetune names

Both are published as int8 and answer requests held back from the training, through the
serving code: how varied the texts are, how often they repeat themselves or what was
trained on; perplexity of the answers held back. Fifty pairs become a page on which a
person judges without names (``build/game-texts.html``).
"""

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.runtime.loader import open_variant
from hotseat_serve.text.text_request import TextRequest
from hotseat_train.external.language import measure
from hotseat_train.external.language.publish import LanguageOptions, prepare
from hotseat_train.language import cataclysm
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


def write(model, request, seed):
    """Return a text of at most 60 tokens."""
    messages = (("system", SYSTEM), ("user", request))
    asked = TextRequest(messages=messages, max_tokens=60, temperature=0.7, seed=seed)
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
    texts, perplexities = {}, {}
    with tempfile.TemporaryDirectory() as name:
        for which in ("tuned", "untuned"):
            folder = Path(name, which)
            folder.mkdir()
            model = opened(getattr(arguments, which), folder)
            texts[which] = [
                write(model, row.request, at) for at, row in enumerate(held)
            ]
            perplexities[which] = measure.perplexity(
                model, [row.answer for row in held]
            )
    print(f"{len(held)} requests held back, int8, one thread, {cpu()}")
    for which, found in texts.items():
        shares = ", ".join(
            f"{name.replace('_', '-')} {value:.2f}"
            for name, value in asdict(fluency(found, trained_on)).items()
        )
        print(f"{which:>8}: {shares}; perplexity of the answers alone "
              f"{perplexities[which][0]:.1f}")  # fmt: skip
    pairs = [
        Pair(row.request, *both)
        for row, both in zip(held, zip(*texts.values(), strict=True), strict=True)
    ]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(blind_page("Item texts and lines", ("tuned", "untuned"), pairs))
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
