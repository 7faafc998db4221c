"""Compare a language model with its function: packages, filter, cores, streams."""

from hotseat_infra.deployment import Model, Stage
from hotseat_infra.errors import DeploymentError
from hotseat_registry import Manifest

CORE_MB = 1_769
"""Memory with which a function has one whole core (docs.aws.amazon.com, "Configure
Lambda function memory")."""


def check_texts(
    model: Model, manifest: Manifest, judge: Manifest | None, where: str
) -> None:
    """Raise `DeploymentError` for a language model that its function could not serve.

    `judge` is the version that judges its texts, None without one.
    """
    text = manifest.signature.text
    if text is None:
        if model.filter:
            raise DeploymentError(
                f"{where}.filter: {manifest.reference} writes no texts: remove it"
            )
        return
    if not model.text:
        raise DeploymentError(
            f"{where}: {manifest.reference} is a language model: set text = true, so "
            "that the image has what it needs"
        )
    _check_filter(model, manifest, text.filter, where)
    if judge is not None and judge.signature.neutral_label is None:
        raise DeploymentError(
            f"{where}.filter: {judge.reference} has no neutral label, so no text would "
            "pass: name a classification with one"
        )


def _check_filter(
    model: Model, manifest: Manifest, named: str | None, where: str
) -> None:
    """Raise `DeploymentError` unless the function may read the version's filter."""
    if (model.filter or None) == (named or None):
        return
    if not named:
        raise DeploymentError(
            f"{where}.filter: {manifest.reference} names no filter: remove it"
        )
    if model.mode == "static":
        raise DeploymentError(
            f"{where}: {manifest.reference} has the filter {named}, which an image "
            'would not hold, and no text would pass: set mode = "dynamic" and filter = '
            f'"{named}"'
        )
    raise DeploymentError(
        f"{where}: {manifest.reference} has the filter {named}, which the function may "
        f'not read, and no text would pass: set filter = "{named}"'
    )


def text_warnings(stage: Stage, served: dict[str, Manifest]) -> list[str]:
    """Return what works, and is slower or less than the texts of a stage could be."""
    warnings = []
    for name, manifest in served.items():
        model, text = stage.models[name], manifest.signature.text
        if text is None:
            continue
        here = f"stages.{stage.name}.models.{name}"
        if model.memory_mb < CORE_MB and not model.capacity_provider:
            warnings.append(
                f"{here}.memory_mb: {model.memory_mb} MB have "
                f"{model.memory_mb / CORE_MB:.2f} of a core, and {manifest.reference} "
                f"writes as much slower: set memory_mb = {CORE_MB}"
            )
        if not (stage.api.stream or model.function_url):
            warnings.append(
                f"stages.{stage.name}.api.stream: texts come whole at their end: set "
                "stream = true (REST API), so that players read along"
            )
        seconds = _longest_seconds(manifest, model, text.most_tokens)
        if seconds is not None and seconds > model.timeout_s:
            warnings.append(
                f"{here}.timeout_s: {text.most_tokens} tokens, the most of "
                f"{manifest.reference}, take about {seconds:.0f} s, and an answer ends "
                f"after {model.timeout_s} s: raise timeout_s, or lower max_tokens"
            )
    if len(stage.texts) > 1 and not stage.chat_model:
        warnings.append(
            f"stages.{stage.name}.chat_model: {', '.join(stage.texts)} write texts, "
            "and OpenAI's routes lead to none of them: name one"
        )
    return warnings


def _longest_seconds(manifest: Manifest, model: Model, tokens: int) -> float | None:
    """Return how long the longest answer takes, as measured; None: it was not."""
    variant = manifest.variant(model.variant or manifest.default_variant)
    rate, first = (
        variant.metrics.get(key) for key in ("tokens_per_second", "first_token_ms")
    )
    if not (isinstance(rate, int | float) and isinstance(first, int | float) and rate):
        return None
    cores = min(1.0, model.memory_mb / CORE_MB)
    return (first / 1000 + tokens / rate) / cores
