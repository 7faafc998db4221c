"""What a tuned version writes: how varied, how repetitive, how much a filter passes."""

from dataclasses import replace
from typing import Any

from hotseat_serve.codec.input_warnings import Warnings
from hotseat_serve.runtime.text_model import TextModel
from hotseat_serve.text.text_request import TextRequest
from hotseat_train.language import moderation
from hotseat_train.language.fluency import fluency
from hotseat_train.language.tuning import Tuning

_TOKENS = 60


def measure_texts(model: TextModel, tuning: Tuning) -> dict[str, Any]:
    """Return the metrics of the answers to the requests held back from the tuning.

    The version's own sampling, with the seeds 0, 1, ...; without its template, which
    the tuning did not have. The filter is the packaged chat-moderation, if it is there.
    """
    plain = replace(model.plan, messages=None, slots=None, retrieval=None)
    writer = TextModel(model.name, plain, model.session, model.vocabulary)
    texts = [
        _written(writer, tuning.system, request, seed)
        for seed, request in enumerate(tuning.requests)
    ]
    found, judge = fluency(texts), moderation.packaged()
    metrics: dict[str, Any] = {
        "texts": len(texts),
        "distinct_1": round(found.distinct_1, 4),
        "distinct_2": round(found.distinct_2, 4),
        "repetition": round(found.repetition, 4),
    }
    if judge is not None:
        flagged = judge.flags([text or "-" for text in texts])
        metrics["filter_passed"] = round(1 - sum(flagged) / len(flagged), 4)
    return metrics


def _written(model: TextModel, system: str, request: str, seed: int) -> str:
    messages = (("system", system), ("user", request))
    most = min(_TOKENS, model.plan.most_tokens)
    wanted = TextRequest(messages=messages, max_tokens=most, seed=seed)
    answering = model.answer(wanted, Warnings())
    for _ in answering:
        pass
    answering.close()
    return " ".join(answering.text.split())


def card_lines(tuning: Tuning, metrics: dict[str, Any]) -> list[str]:
    """Return the part of the card about a tuning, in Markdown."""
    change = tuning.after / tuning.before - 1
    held = f"perplexity of {tuning.held_back:,} answers held back"
    rows = [(f"{held}, untuned", f"{tuning.before:.2f}"),
            ("the same, tuned", f"{tuning.after:.2f} ({change:+.0%})")]  # fmt: skip
    if metrics:
        count = metrics["texts"]
        rows += [
            (f"different words of {count} texts", f"{metrics['distinct_1']:.2f}"),
            ("different pairs of words", f"{metrics['distinct_2']:.2f}"),
            ("runs of four words repeated", f"{metrics['repetition']:.2f}"),
        ]
    if "filter_passed" in metrics:
        passed = f"{metrics['filter_passed']:.0%}"
        rows.append(("texts that the packaged chat-moderation lets pass", passed))
    start = f"The last {tuning.layers} layers of `{tuning.base}` learned from "
    if tuning.filter is None:
        chosen = "No filter chose among the examples."
    else:
        chosen = f"{tuning.left_out:,} were left out: {tuning.filter} flags them."
    lines = [
        "## Tuned",
        "",
        f"{start}{tuning.examples:,} examples.",
        chosen,
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
        "The perplexities are of the weights as they were tuned; the texts are this",
        "version's, to requests held back.",
        "",
    ]
    credits_of: dict[str, list[str]] = {}
    for source in tuning.learned_from:
        credit = source.credit or "nobody has said whose they are"
        credits_of.setdefault(credit, []).append(f"`{source.name}`")
    lines += [
        f"- Learned from {' and '.join(names)}: {credit}."
        for credit, names in credits_of.items()
    ]
    for licence in sorted({s.share_alike or "" for s in tuning.learned_from} - {""}):
        lines += [
            "",
            f"**{licence} asks to share alike.** Give the credit above with this",
            "version, and publish it, and texts of it that come near those it learned",
            "from, under the same licence; or tune on texts of your own.",
        ]
    return [*lines, ""]
