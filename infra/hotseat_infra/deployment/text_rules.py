"""Check the keys of language models, and of EC2 instances that Lambda manages."""

import re

from hotseat_infra.deployment.schema import Api, Model, Stage
from hotseat_infra.errors import DeploymentError

TIMEOUT_S = (1, 29)
"""API Gateway's default limit for an answer."""
STREAM_TIMEOUT_S = (1, 900)
"""Of an integration that streams (docs.aws.amazon.com, "Stream the integration
response"), and of a function ("Lambda quotas")."""
MANAGED_MEMORY_MB = 2_048
"""The least of a function on managed instances (docs.aws.amazon.com, "Lambda Managed
Instances")."""
_PROVIDER = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:capacity-provider:[A-Za-z0-9_-]{1,140}"
)
_FILTER = re.compile(r"[A-Za-z0-9._-]{1,64}(#[a-z0-9-]{1,64})?")
_TOKENS = 1_000_000_000


def check_texts(stage: Stage, where: str) -> None:
    """Raise `DeploymentError` for keys of texts that contradict each other."""
    _check_openai(stage, where)
    _check_budgets(stage, f"{where}.api")
    for name, model in stage.models.items():
        here = f"{where}.models.{name}"
        _check_timeout(model, stage.api, f"{here}.timeout_s")
        _check_filter(model, f"{here}.filter")
        if model.capacity_provider:
            _check_capacity(model, here)


def _check_openai(stage: Stage, where: str) -> None:
    for key in ("chat_model", "embeddings_model"):
        value = getattr(stage, key)
        if value and value not in stage.models:
            raise DeploymentError(f"{where}.{key}: {value!r} is not one of the models")
    if stage.chat_model and stage.chat_model not in stage.texts:
        raise DeploymentError(
            f"{where}.chat_model: {stage.chat_model} writes no texts: set text = true "
            "of that model, or name another one"
        )


def _check_budgets(stage: Stage, here: str) -> None:
    api = stage.api
    for key in ("player_tokens_per_hour", "tokens_per_hour"):
        value = getattr(api, key)
        if not 0 <= value <= _TOKENS:
            raise DeploymentError(f"{here}.{key}: {value} is not from 0 to {_TOKENS}")
        if value and not stage.texts:
            raise DeploymentError(
                f"{here}.{key}: no model writes texts: set text = true of one, or "
                f"remove {key}"
            )
    if api.player_tokens_per_hour and not api.access:
        raise DeploymentError(
            f"{here}.player_tokens_per_hour: without access nobody knows the player: "
            'set access = "tokens"'
        )


def _check_timeout(model: Model, api: Api, here: str) -> None:
    streams = api.kind == "rest" and api.stream
    low, high = STREAM_TIMEOUT_S if streams else TIMEOUT_S
    if not low <= model.timeout_s <= high:
        more = "" if streams else "; a REST API with stream = true takes up to 900"
        raise DeploymentError(
            f"{here}: {model.timeout_s} is not between {low} and {high}{more}"
        )


def _check_filter(model: Model, here: str) -> None:
    if not model.filter:
        return
    if not model.text:
        raise DeploymentError(f"{here}: it judges texts: set text = true, or remove it")
    if not _FILTER.fullmatch(model.filter):
        raise DeploymentError(
            f"{here}: {model.filter!r} is not a model such as chat-moderation or "
            "chat-moderation#beta"
        )
    if model.mode == "static":
        raise DeploymentError(
            f"{here}: an image holds one model, and the filter would be missing: set "
            'mode = "dynamic"'
        )


def _check_capacity(model: Model, here: str) -> None:
    """Check a function on managed instances."""
    if not _PROVIDER.fullmatch(model.capacity_provider):
        raise DeploymentError(
            f"{here}.capacity_provider: {model.capacity_provider!r} is not an ARN such "
            "as arn:aws:lambda:eu-west-1:123456789012:capacity-provider:texts"
        )
    if model.memory_mb < MANAGED_MEMORY_MB:
        raise DeploymentError(
            f"{here}.memory_mb: managed instances take {MANAGED_MEMORY_MB} or more, "
            f"not {model.memory_mb}"
        )
    for key, used in (
        ("snapstart", model.snapstart),
        ("provisioned_concurrency", model.provisioned_concurrency),
        ("schedule", model.schedule),
        ("reserved_concurrency", model.reserved_concurrency),
    ):
        if used:
            raise DeploymentError(
                f"{here}.{key}: managed instances scale by themselves: remove it, or "
                "remove capacity_provider"
            )
