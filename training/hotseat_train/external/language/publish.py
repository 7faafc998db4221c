"""Describes, measures and publishes a language model."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hotseat_registry import Manifest, Variant
from hotseat_registry.names import check_name
from hotseat_registry.signature import Input, Output, Signature
from hotseat_registry.text_plan import TextPlan
from hotseat_serve.runtime import loader
from hotseat_serve.runtime.text_model import TextModel
from hotseat_train.errors import GateError
from hotseat_train.external.description import Description
from hotseat_train.external.language import card, measure, text_quality
from hotseat_train.external.language.convert import convert, rename_weights
from hotseat_train.external.language.plan import read_plan
from hotseat_train.external.language.source import GENAI, LanguageFolder, read_folder
from hotseat_train.external.publish import Prepared
from hotseat_train.language.tuning import read as read_tuning
from hotseat_train.machine import cpu

Report = Callable[[str], None]
_OPEN_S = 600
_TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class LanguageOptions:
    """What publishing a language model takes beside its source."""

    template: Path | None = None
    """A file with messages, slots, canned line, filter, limits."""
    held_out: Path | None = None
    """Texts for the perplexity."""
    precisions: tuple[str, ...] = ("int4",)
    """The variants, where the source is converted; the first one serves."""
    max_rise: float = 0.03
    """By how much a variant's perplexity may lie above that of fp32, or of the first
    variant where there is no fp32: a share."""


def prepare(
    path: Path, model: str, options: LanguageOptions, folder: Path, report: Report
) -> Prepared:
    """Convert if needed, open and measure; write the version's files to `folder`.

    Raises `SourceError`, `UnclearError`, and `GateError` for a variant whose perplexity
    is too high.
    """
    check_name(model)
    sources = _sources(path, options, folder, report)
    plan = read_plan(next(iter(sources.values())), options.template)
    target = folder / "version"
    target.mkdir()
    shutil.copyfile(
        next(iter(sources.values())).folder / _TOKENIZER, target / _TOKENIZER
    )
    variants, reference = [], None
    for name, source in sources.items():
        graph, *data = [p.name for p in rename_weights(source, name, target)]
        variants.append(Variant(name, graph, data=tuple(data) or None))
    manifest = Manifest(
        model=model,
        kind="text",
        signature=signature_of(plan),
        variants=tuple(variants),
        default_variant=variants[0].name,
        golden="golden.json",
        lineage={"source": path.name, "tool": "publish"},
    )
    opened = {v.name: _open(manifest, v.name, target) for v in variants}
    report("measuring")
    texts = measure.read_texts(options.held_out) if options.held_out else None
    if texts is not None:
        reference = _reference(path, manifest, opened, texts, folder, report)
    golden = measure.golden_rows(opened)
    (target / "golden.json").write_text(json.dumps(golden) + "\n", "utf-8")
    measured = [
        _measured(manifest, v, opened[v.name], texts, reference, target)
        for v in variants
    ]
    _gate(measured, options.max_rise)
    tuning = read_tuning(path) if path.is_dir() else None
    written: dict[str, Any] = {}
    if tuning is not None and tuning.requests:
        report("writing texts")
        written = text_quality.measure_texts(opened[measured[0].name], tuning)
        first = replace(measured[0], metrics={**measured[0].metrics, **written})
        measured = [first, *measured[1:]]
    opened.clear()  # the check below opens each of them alone
    manifest = replace(manifest, variants=tuple(measured))
    text = card.of(manifest, path.name, with_perplexity=texts is not None)
    if tuning is not None:
        text += "\n" + "\n".join(text_quality.card_lines(tuning, written))
    manifest = replace(manifest, card=text)
    files = {p.name: p for p in sorted(target.iterdir())}
    for v in measured:
        paths = {"graph": target / v.file, _TOKENIZER: target / _TOKENIZER,
                 "golden": target / "golden.json"}  # fmt: skip
        loader.open_variant(manifest, v.name, paths, 1, _OPEN_S)
    notes = () if texts else (
        "the perplexity was not measured: --held-out FILE takes texts",
    )  # fmt: skip
    return Prepared(manifest, files, Description("text", manifest.signature, notes),
                    random=False)  # fmt: skip


def signature_of(plan: TextPlan) -> Signature:
    """Return the signature of a language model: a prompt in, a text out."""
    return Signature(
        (Input("prompt", "BYTES", (1,), "text"),),
        (Output("text", "BYTES", (1,)),),
        text=plan,
    )


def _sources(
    path: Path, options: LanguageOptions, folder: Path, report: Report
) -> dict[str, LanguageFolder]:
    """Return the source's folders of onnxruntime-genai by variant."""
    if path.is_dir() and (path / GENAI).is_file():
        return {"original": read_folder(path)}
    found = {}
    for precision in options.precisions:
        report(f"converting to {precision}")
        found[precision] = convert(path, precision, folder / precision)
    return found


def _open(manifest: Manifest, variant: str, folder: Path) -> TextModel:
    paths = {"graph": folder / manifest.variant(variant).file,
             _TOKENIZER: folder / _TOKENIZER}  # fmt: skip
    model = loader.open_variant(manifest, variant, paths, 1, _OPEN_S).text
    assert model is not None
    return model


def _reference(
    path: Path, manifest: Manifest, opened: dict[str, TextModel],
    texts: Sequence[str], folder: Path, report: Report,
) -> float:  # fmt: skip
    """Return the perplexity of fp32 of the same source, or of a ready graph's own."""
    if path.is_dir() and (path / GENAI).is_file():
        return measure.perplexity(next(iter(opened.values())), texts)[0]
    if "fp32" in opened:
        return measure.perplexity(opened["fp32"], texts)[0]
    report("converting to fp32, to compare with")
    source = convert(path, "fp32", folder / "fp32")
    target = folder / "reference"
    target.mkdir()
    shutil.copyfile(source.folder / _TOKENIZER, target / _TOKENIZER)
    graph, *data = [p.name for p in rename_weights(source, "fp32", target)]
    plain = replace(
        manifest, default_variant="fp32", golden=None,
        variants=(Variant("fp32", graph, data=tuple(data) or None),),
    )  # fmt: skip
    return measure.perplexity(_open(plain, "fp32", target), texts)[0]


def _measured(
    manifest: Manifest, variant: Variant, model: TextModel,
    texts: Sequence[str] | None, reference: float | None, folder: Path,
) -> Variant:  # fmt: skip
    metrics: dict[str, Any] = {
        "bytes": sum((folder / name).stat().st_size for name in variant.files),
        **measure.speed(model),
        **measure.fresh_process(manifest, variant.name, folder),
        "cpu": cpu(),
    }
    metrics["milliseconds"] = round(1000 / max(0.1, metrics["tokens_per_second"]), 2)
    if texts is not None:
        value, tokens = measure.perplexity(model, texts)
        # higher is better, as a gate compares it: the geometric mean of a token's
        metrics |= {
            "perplexity": round(value, 4),
            "token_probability": round(1 / value, 6),
            "tokens": tokens,
        }
        if reference is not None:
            metrics["fp32_perplexity"] = round(reference, 4)
            metrics["perplexity_rise"] = round(value / reference - 1, 5)
    return replace(variant, metrics=metrics)


def _gate(variants: Sequence[Variant], max_rise: float) -> None:
    for variant in variants:
        rise = variant.metrics.get("perplexity_rise")
        if rise is not None and rise > max_rise:
            raise GateError(
                f"{variant.name} has a perplexity {rise:.1%} above that of fp32, over "
                f"{max_rise:.1%}: choose another --precision, or --max-perplexity-rise"
            )
