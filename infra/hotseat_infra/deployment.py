"""The deployment file, read strictly: a wrong word is an error that names it.

Nothing here knows AWS's library; what is checked against a registry is in `check`.
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

MEMORY_MB = (128, 10_240)
"""What Lambda gives (docs.aws.amazon.com, "Lambda quotas")."""
TIMEOUT_S = (1, 29)
"""API Gateway waits no longer for an answer, unless its quota was raised."""
CANARIES = (
    "ALL_AT_ONCE",
    "CANARY_10_PERCENT_5_MINUTES",
    "CANARY_10_PERCENT_10_MINUTES",
    "CANARY_10_PERCENT_15_MINUTES",
    "CANARY_10_PERCENT_30_MINUTES",
    "LINEAR_10_PERCENT_EVERY_1_MINUTE",
    "LINEAR_10_PERCENT_EVERY_2_MINUTES",
    "LINEAR_10_PERCENT_EVERY_3_MINUTES",
    "LINEAR_10_PERCENT_EVERY_10_MINUTES",
)
"""How CodeDeploy shifts requests to a new image; its own predefined ways."""
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::\d{1,5})?")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?")


class DeploymentError(Exception):
    """The deployment file, or what it asks for, cannot be deployed."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """When an operator is told, and a canary is taken back."""

    p95_ms: int = 250
    """Of the function's own time, over five minutes."""
    error_percent: float = 1.0
    """Of requests answered with a 5xx, over five minutes."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Provisioned concurrency by the clock (UTC)."""

    up: str
    """An AWS cron expression: ``cron(0 16 ? * FRI-SUN *)``."""
    down: str
    concurrency: int


@dataclass(frozen=True, slots=True)
class Model:
    """One model's function."""

    mode: str = "dynamic"
    """static: the version lies in the image; dynamic: the function follows an alias."""
    alias: str = "live"
    version: int | None = None
    variant: str = ""
    memory_mb: int = 1024
    timeout_s: int = 10
    reserved_concurrency: int | None = None
    provisioned_concurrency: int = 0
    schedule: Schedule | None = None
    snapstart: bool = False
    canary: str = "ALL_AT_ONCE"
    architecture: str = "arm64"
    refresh_seconds: float = 2.0
    route: str = ""
    """Its place in the API; empty: the model's name."""
    downloads: bool = False
    """Whether games may fetch its versions, to answer when the service is away."""
    alarms: Alarms = field(default_factory=Alarms)


@dataclass(frozen=True, slots=True)
class Api:
    """The door."""

    kind: str = "rest"
    """rest: keys, plans, throttling by title, WAF; http: cheaper, without them."""
    titles: tuple[str, ...] = ()
    requests_per_second: int = 50
    """Of one title."""
    burst: int = 100
    daily_quota: int = 100_000
    waf: bool = False
    waf_requests_per_5_minutes: int = 10_000
    """Of one address; whoever asks more often is turned away."""
    origins: tuple[str, ...] = ()
    """Web pages that may ask, as ``https://game.example``; ``*`` alone: any page."""
    domain: str = ""
    certificate: str = ""
    """ARN, in the stage's region."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One deployment: a region, a registry, an API, functions."""

    name: str
    region: str
    alarm_email: str
    models: Mapping[str, Model]
    api: Api = field(default_factory=Api)
    account: str = ""
    registry: str = ""
    """s3://bucket/prefix of a registry that is there already; empty: its own."""
    trust: tuple[str, ...] = ()
    """Public keys in functions/trust; only what one of them signed is served."""
    default_model: str = ""
    """What POST /model-service asks; empty: the only model."""
    log_days: int = 30
    monthly_budget_usd: float = 50.0
    keep_registry: bool = True
    """Whether the bucket survives `cdk destroy`."""


def read(path: Path, stage: str) -> Stage:
    """Read one stage; raises `DeploymentError` naming the file and the place in it."""
    try:
        with path.open("rb") as file:
            whole = tomllib.load(file)
    except FileNotFoundError:
        raise DeploymentError(f"no deployment file {path}") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DeploymentError(f"{path}: {error}") from None
    _known(whole, {"stages"}, str(path))
    stages = whole.get("stages", {})
    if stage not in stages:
        known = ", ".join(stages) or "none"
        raise DeploymentError(f"{path}: no stage {stage!r}; there are: {known}")
    if not _NAME.fullmatch(stage):
        raise DeploymentError(
            f"{path}: a stage is named with a-z, 0-9 and -: {stage!r}"
        )
    where = f"{path}, stages.{stage}"
    found = _made(Stage, {"name": stage, **stages[stage]}, where)
    _check(found, where)
    return found


T = TypeVar("T")


def _made(kind: type[T], given: Any, where: str) -> T:
    """Make a value of what a table says; every key has to be one of its fields."""
    if not isinstance(given, dict):
        raise DeploymentError(f"{where} has to be a table")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    _known(given, set(fields), where)
    hints = get_type_hints(kind)
    values = {}
    for name, item in fields.items():
        if name in given:
            values[name] = _value(hints[name], given[name], f"{where}.{name}")
        elif (
            item.default is dataclasses.MISSING
            and item.default_factory is dataclasses.MISSING
        ):
            raise DeploymentError(f"{where}: {name} is missing")
    return kind(**values)


def _value(hint: Any, given: Any, where: str) -> Any:
    if isinstance(hint, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if dataclasses.is_dataclass(hint):
        return _made(hint, given, where)  # type: ignore[arg-type]
    if hint == Mapping[str, Model]:
        if not isinstance(given, dict):
            raise DeploymentError(f"{where} has to be a table of models")
        return {
            name: _made(Model, item, f"{where}.{name}") for name, item in given.items()
        }
    if hint == tuple[str, ...]:
        if not isinstance(given, list) or not all(type(x) is str for x in given):
            raise DeploymentError(f"{where} has to be a list of strings")
        return tuple(given)
    if hint is float and type(given) in {int, float}:
        return float(given)
    if type(given) is not hint:
        raise DeploymentError(f"{where} has to be {_WORDS[hint]}, not {given!r}")
    return given


_WORDS = {
    str: "a string", int: "a whole number", float: "a number", bool: "true or false",
}  # fmt: skip


def _known(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in given:
        if name not in known:
            raise DeploymentError(
                f"{where}: {name!r} is not known; there are: {', '.join(sorted(known))}"
            )


def _check(stage: Stage, where: str) -> None:
    """Check what goes together, and what AWS allows."""
    if not stage.models:
        raise DeploymentError(f"{where}: it has no models")
    routes: dict[str, str] = {}
    for name, model in stage.models.items():
        here = f"{where}.models.{name}"
        if not _NAME.fullmatch(name):
            raise DeploymentError(f"{here}: a model is named with a-z, 0-9 and -")
        _check_model(model, here)
        route = model.route or name
        if route in routes:
            raise DeploymentError(
                f"{here}: the route {route!r} is that of {routes[route]} already"
            )
        routes[route] = name
    if stage.default_model and stage.default_model not in stage.models:
        raise DeploymentError(
            f"{where}.default_model: {stage.default_model!r} is none of the models"
        )
    if len(stage.models) > 1 and not stage.default_model:
        raise DeploymentError(
            f"{where}: it has several models: say which one POST /model-service asks, "
            "default_model = ..."
        )
    _check_api(stage.api, f"{where}.api")


def _check_api(api: Api, here: str) -> None:
    _one_of(api.kind, ("rest", "http"), f"{here}.kind")
    if api.kind == "http" and (api.titles or api.waf):
        raise DeploymentError(
            f"{here}: an HTTP API has no keys, usage plans or WAF: "
            'take kind = "rest", or leave titles and waf out'
        )
    for origin in api.origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise DeploymentError(
                f"{here}.origins: {origin!r} is no origin such as "
                "https://game.example, without a path"
            )
    if bool(api.domain) != bool(api.certificate):
        raise DeploymentError(f"{here}: domain and certificate go together")


def _check_model(model: Model, here: str) -> None:
    _one_of(model.mode, ("static", "dynamic"), f"{here}.mode")
    _one_of(model.canary, CANARIES, f"{here}.canary")
    _one_of(model.architecture, ("arm64", "x86_64"), f"{here}.architecture")
    _within(model.memory_mb, MEMORY_MB, f"{here}.memory_mb")
    _within(model.timeout_s, TIMEOUT_S, f"{here}.timeout_s")
    if model.mode == "static" and model.version is None:
        raise DeploymentError(f"{here}: a static deployment names its version")
    if model.mode == "dynamic" and model.version is not None:
        raise DeploymentError(
            f"{here}: a dynamic deployment follows its alias; for a fixed version, "
            'mode = "static"'
        )
    provisioned = model.provisioned_concurrency or model.schedule
    if model.snapstart and provisioned:
        raise DeploymentError(
            f"{here}: Lambda has SnapStart or provisioned concurrency, not both"
        )
    limit = model.reserved_concurrency
    if limit is not None and model.provisioned_concurrency > limit:
        raise DeploymentError(
            f"{here}: provisioned_concurrency is more than reserved_concurrency"
        )


def _one_of(given: str, known: tuple[str, ...], where: str) -> None:
    if given not in known:
        raise DeploymentError(f"{where}: {given!r} is not one of {', '.join(known)}")


def _within(given: int, bounds: tuple[int, int], where: str) -> None:
    low, high = bounds
    if not low <= given <= high:
        raise DeploymentError(f"{where}: {given} is not between {low} and {high}")
