"""Check a stage: the limits of AWS, and keys that depend on each other."""

import re
from zoneinfo import ZoneInfo

from hotseat_infra.deployment.network_rules import (
    KMS_KEY,
    check_environment,
    check_firewall,
    check_maintenance,
    check_network,
    check_private,
    check_secrets,
    check_streams,
)
from hotseat_infra.deployment.schedule import DAYS, Schedule
from hotseat_infra.deployment.schema import (
    TMP_MB,
    Access,
    Api,
    Limits,
    Model,
    Stage,
)
from hotseat_infra.deployment.text_rules import check_texts
from hotseat_infra.errors import DeploymentError

MEMORY_MB = (128, 10_240)
"""Lambda's range (docs.aws.amazon.com, "Lambda quotas")."""
STORAGE_MB = (TMP_MB, 10_240)
"""Lambda's range (docs.aws.amazon.com, "Lambda quotas")."""
BODY_BYTES = (1024, 4_700_000)
"""Of a synchronous invocation's 6 MB (docs.aws.amazon.com, "Lambda quotas"): API
Gateway sends the body as base64, and the headers beside it."""
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
"""CodeDeploy's predefined ways to shift traffic to a new image."""
ROLES = ("publisher", "signer", "approver", "mover", "collector", "reader")
"""The roles of a registry (`stacks.registry_roles` says what each may do)."""
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827,
            2192, 2557, 2922, 3288, 3653)  # fmt: skip
"""CloudWatch's steps (docs.aws.amazon.com, "PutRetentionPolicy")."""
_UNLIMITED = 1_000_000_000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?")
_MODEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/.*)?")
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):\d{12}:certificate/\S+")
_ISSUER = re.compile(r"https://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/\S*)?")
_USER_POOL = re.compile(r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/\S+")
_NAMES_BYTES = 3_000
"""Of the 4 KB of a Lambda function's environment."""
_POLICY = re.compile(r"[A-Za-z0-9+=,.@_/-]{1,128}")
_PRINCIPAL = re.compile(r"\d{12}|arn:aws[a-z-]*:(?:iam|sts)::\d{12}:\S+")
_PROVIDER = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:oidc-provider/\S+")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::\d{1,5})?")


def check(stage: Stage, where: str) -> None:
    """Raise `DeploymentError` if AWS would refuse a value, or two keys contradict."""
    _check_stage(stage, where)
    if not stage.models:
        raise DeploymentError(
            f"{where}: add a model: [{where.rsplit(', ', maxsplit=1)[-1]}.models.NAME]"
        )
    for name, model in stage.models.items():
        _check_model(model, f"{where}.models.{name}")
        check_streams(stage, model, f"{where}.models.{name}")
    _check_routes(stage, where)
    check_texts(stage, where)
    _check_api(stage.api, f"{where}.api")
    check_firewall(stage.api, f"{where}.api")
    check_network(stage, where)
    check_private(stage, f"{where}.api")
    check_maintenance(stage, f"{where}.maintenance")
    _check_domain(stage.api, stage.region, f"{where}.api")


def _check_stage(stage: Stage, where: str) -> None:
    _check_name(stage.name, where)
    if not _REGION.fullmatch(stage.region):
        raise DeploymentError(
            f"{where}.region: {stage.region!r} is not a region such as eu-west-1"
        )
    if stage.account and not re.fullmatch(r"\d{12}", stage.account):
        raise DeploymentError(f"{where}.account: expected twelve digits")
    if "@" not in stage.alarm_email:
        raise DeploymentError(
            f"{where}.alarm_email: {stage.alarm_email!r} is not a mail address"
        )
    if stage.registry and not _BUCKET.fullmatch(stage.registry):
        raise DeploymentError(
            f"{where}.registry: {stage.registry!r} is not s3://bucket/prefix"
        )
    if stage.registry_key and not (
        stage.registry and KMS_KEY.fullmatch(stage.registry_key)
    ):
        raise DeploymentError(
            f"{where}.registry_key: expected a KMS key's ARN, together with registry"
        )
    check_secrets(stage, where)
    if not (stage.trust or stage.unsigned):
        raise DeploymentError(
            f"{where}: nothing says whose signatures it trusts: set trust to public "
            "keys in functions/trust, or unsigned = true"
        )
    if not 1 <= stage.trust_threshold <= max(1, len(stage.trust)):
        raise DeploymentError(
            f"{where}.trust_threshold: {stage.trust_threshold} signatures, and trust "
            f"has {len(stage.trust)} keys"
        )
    _check_range(stage.head_grace_days, (0, 365), f"{where}.head_grace_days")
    _check_marks(stage, where)
    if stage.monthly_budget_usd <= 0:
        raise DeploymentError(f"{where}.monthly_budget_usd: expected more than 0")
    _check_choice(stage.log_days, LOG_DAYS, f"{where}.log_days")
    _check_range(
        stage.account_concurrency, (10, _UNLIMITED), f"{where}.account_concurrency"
    )
    _check_range(stage.object_lock_days, (0, 36_500), f"{where}.object_lock_days")
    for role, access in stage.access.items():
        _check_choice(role, ROLES, f"{where}.access")
        _check_role(access, f"{where}.access.{role}")


def _check_marks(stage: Stage, where: str) -> None:
    """Check what an account demands of every resource, and where alarms go."""
    if stage.alarm_webhook and not stage.alarm_webhook.startswith("https://"):
        raise DeploymentError(f"{where}.alarm_webhook: expected an https address")
    if stage.permissions_boundary and not _POLICY.fullmatch(stage.permissions_boundary):
        raise DeploymentError(
            f"{where}.permissions_boundary: expected a managed policy's name"
        )
    for key in stage.tags:
        if key.lower().startswith("aws:") or key == "hotseat:stage":
            raise DeploymentError(f"{where}.tags: {key!r} is reserved: use another key")


def _check_role(access: Access, here: str) -> None:
    for item in access.principals:
        if not _PRINCIPAL.fullmatch(item):
            raise DeploymentError(
                f"{here}.principals: {item!r} is not an account of twelve digits or "
                "the ARN of a role or user"
            )
    if access.oidc_provider and not _PROVIDER.fullmatch(access.oidc_provider):
        raise DeploymentError(
            f"{here}.oidc_provider: expected the ARN of an identity provider, such as "
            "arn:aws:iam::123456789012:oidc-provider/"
            "token.actions.githubusercontent.com"
        )
    if bool(access.oidc_provider) != bool(access.oidc_subjects):
        raise DeploymentError(
            f"{here}: oidc_provider and oidc_subjects need each other: set both or none"
        )
    for subject in access.oidc_subjects:
        if subject.strip("*") == "":
            raise DeploymentError(
                f"{here}.oidc_subjects: {subject!r} accepts every repository: name "
                "yours, repo:studio/models:*"
            )


def _check_routes(stage: Stage, where: str) -> None:
    routes: dict[str, str] = {}
    for name, model in stage.models.items():
        here = f"{where}.models.{name}"
        _check_model_name(name, here)
        if model.mode == "static" and name.casefold() == "none":
            raise DeploymentError(
                f"{here}: functions/baked/none is reserved for images without a model: "
                "use another name, or deploy it as dynamic"
            )
        route = model.route or name
        _check_model_name(route, f"{here}.route")
        if route in routes:
            raise DeploymentError(
                f"{here}: the route {route!r} is already used by {routes[route]}"
            )
        routes[route] = name
        if model.stack:
            _check_name(model.stack, f"{here}.stack")
    followed = ",".join(f"{name}#{m.alias}" for name, m in stage.models.items())
    if len(followed) > _NAMES_BYTES:
        raise DeploymentError(
            f"{where}: the names of its models and aliases have {len(followed)} "
            f"characters together, of {_NAMES_BYTES} that fit into the environment of "
            "the default model's function: use shorter ones, or a second stage"
        )
    if stage.default_model and stage.default_model not in stage.models:
        raise DeploymentError(
            f"{where}.default_model: {stage.default_model!r} is not one of the models"
        )
    if len(stage.models) > 1 and not stage.default_model:
        raise DeploymentError(
            f"{where}: it has several models: set default_model to the one behind "
            "POST /model-service"
        )


def _check_api(api: Api, here: str) -> None:
    _check_choice(api.kind, ("rest", "http"), f"{here}.kind")
    if api.kind == "http" and api.stream:
        raise DeploymentError(
            f"{here}.stream: an HTTP API cannot stream; "
            'use kind = "rest", or remove stream'
        )
    if api.kind == "http" and (api.games or api.waf):
        raise DeploymentError(
            f"{here}: an HTTP API has no keys, usage plans or WAF: "
            'use kind = "rest", or remove games and waf'
        )
    for game in api.games:
        _check_name(game, f"{here}.games")
    if len(set(api.games)) < len(api.games):
        raise DeploymentError(f"{here}.games: a game is listed twice")
    _check_access(api, here)
    _check_limits(api, here)
    for game, limits in api.limits.items():
        if game not in api.games:
            raise DeploymentError(
                f"{here}.limits: {game!r} is not one of the games: "
                f"{', '.join(api.games) or 'there are none'}"
            )
        _check_limits(limits, f"{here}.limits.{game}")
    _check_range(api.max_body_bytes, BODY_BYTES, f"{here}.max_body_bytes")
    for origin in api.origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise DeploymentError(
                f"{here}.origins: {origin!r} is not an origin such as "
                "https://game.example, without a path"
            )


def _check_access(api: Api, here: str) -> None:
    _check_choice(api.access, ("", "tokens", "jwt", "iam"), f"{here}.access")
    wanted = {"http": "issuer", "rest": "user_pool"}[api.kind]
    for name, form in (("issuer", _ISSUER), ("user_pool", _USER_POOL)):
        value = getattr(api, name)
        if value and (api.access != "jwt" or name != wanted):
            raise DeploymentError(
                f'{here}.{name}: it is for access = "jwt" behind '
                f"{'an HTTP' if name == 'issuer' else 'a REST'} API"
            )
        if api.access == "jwt" and name == wanted and not form.fullmatch(value):
            raise DeploymentError(
                f"{here}.{name}: expected the "
                f"{'address' if name == 'issuer' else 'ARN of the user pool'} of the "
                f"identity provider, not {value!r}"
            )
    if api.player_requests_per_second and not api.access:
        raise DeploymentError(
            f"{here}.player_requests_per_second: without access nobody knows the "
            'player: set access = "tokens"'
        )
    _check_range(
        api.player_requests_per_second,
        (0, 10_000),
        f"{here}.player_requests_per_second",
    )
    _check_range(api.player_burst, (1, 10_000), f"{here}.player_burst")
    _check_range(api.token_cache_seconds, (0, 3600), f"{here}.token_cache_seconds")


def _check_domain(api: Api, region: str, here: str) -> None:
    if bool(api.domain) != bool(api.certificate):
        raise DeploymentError(
            f"{here}: domain and certificate need each other: set both or none"
        )
    if api.zone and not api.domain:
        raise DeploymentError(f"{here}: zone is for the record of domain: set both")
    if api.latency and not api.zone:
        raise DeploymentError(f"{here}: latency is for the record of domain: set zone")
    if api.certificate:
        match = _CERTIFICATE.fullmatch(api.certificate)
        if match is None or match[1] != region:
            raise DeploymentError(
                f"{here}.certificate: expected the ARN of a certificate in {region}"
            )


def _check_limits(limits: Api | Limits, here: str) -> None:
    for name in ("requests_per_second", "burst", "daily_quota"):
        value = getattr(limits, name)
        if value is not None:
            _check_range(value, (1, _UNLIMITED), f"{here}.{name}")


def _check_model(model: Model, here: str) -> None:
    _check_choice(model.mode, ("static", "dynamic"), f"{here}.mode")
    _check_choice(model.canary, CANARIES, f"{here}.canary")
    check_environment(model, f"{here}.environment")
    _check_choice(model.package, ("image", "zip"), f"{here}.package")
    _check_choice(model.architecture, ("arm64", "x86_64"), f"{here}.architecture")
    _check_range(model.memory_mb, MEMORY_MB, f"{here}.memory_mb")
    _check_range(model.ephemeral_storage_mb, STORAGE_MB, f"{here}.ephemeral_storage_mb")
    if model.snapstart and model.ephemeral_storage_mb > TMP_MB:
        raise DeploymentError(
            f"{here}: SnapStart allows at most {TMP_MB} MB of ephemeral_storage_mb: "
            "remove one of the two"
        )
    _check_range(model.refresh_seconds, (0.1, 3600), f"{here}.refresh_seconds")
    _check_range(model.alarms.p95_ms, (0, 900_000), f"{here}.alarms.p95_ms")
    _check_range(
        model.alarms.error_percent, (0.01, 100), f"{here}.alarms.error_percent"
    )
    for name in ("throttled", "unreachable", "spillover", "least_requests"):
        value = getattr(model.alarms, name)
        _check_range(value, (1, _UNLIMITED), f"{here}.alarms.{name}")
    _check_range(model.alarms.minutes, (1, 60), f"{here}.alarms.minutes")
    if model.mode == "static" and model.version is None:
        raise DeploymentError(f"{here}: a static deployment needs a version")
    if model.mode == "dynamic" and model.version is not None:
        raise DeploymentError(
            f"{here}: a dynamic deployment follows its alias; for a fixed version, "
            'set mode = "static"'
        )
    _check_concurrency(model, here)


def _check_concurrency(model: Model, here: str) -> None:
    most = model.provisioned_concurrency
    _check_range(most, (0, _UNLIMITED), f"{here}.provisioned_concurrency")
    if model.snapstart and (most or model.schedule):
        raise DeploymentError(
            f"{here}: Lambda supports SnapStart or provisioned concurrency, not both"
        )
    if model.schedule is not None:
        _check_schedule(model.schedule, f"{here}.schedule")
        most = max(most, model.schedule.concurrency)
    limit = model.reserved_concurrency
    if limit is not None:
        _check_range(limit, (1, _UNLIMITED), f"{here}.reserved_concurrency")
        if most > limit:
            raise DeploymentError(
                f"{here}: {most} provisioned is more than reserved_concurrency, {limit}"
            )


def _check_schedule(schedule: Schedule, here: str) -> None:
    _check_range(schedule.concurrency, (1, _UNLIMITED), f"{here}.concurrency")
    _check_range(schedule.from_hour, (0, 23), f"{here}.from_hour")
    _check_range(schedule.to_hour, (0, 23), f"{here}.to_hour")
    if schedule.from_hour == schedule.to_hour:
        raise DeploymentError(
            f"{here}: it begins and ends at {schedule.to_hour}; for whole days, set "
            "provisioned_concurrency"
        )
    if not schedule.days:
        raise DeploymentError(f"{here}.days: add at least one day")
    for day in schedule.days:
        _check_choice(day, DAYS, f"{here}.days")
    try:
        ZoneInfo(schedule.timezone)
    except (KeyError, ValueError, OSError):
        raise DeploymentError(
            f"{here}.timezone: {schedule.timezone!r} is not a time zone such as "
            "Europe/Berlin"
        ) from None


def _check_name(value: str, where: str) -> None:
    if not _NAME.fullmatch(value):
        raise DeploymentError(
            f"{where}: {value!r}: expected a name of a-z, 0-9 and -, at most 42 long"
        )


def _check_model_name(value: str, where: str) -> None:
    if not _MODEL.fullmatch(value):
        raise DeploymentError(
            f"{where}: {value!r}: expected a name of A-Z, a-z, 0-9, '.', '_' and '-', "
            "at most 64 long"
        )


def _check_choice(value: object, choices: tuple[object, ...], where: str) -> None:
    if value not in choices:
        raise DeploymentError(
            f"{where}: {value!r} is not one of {', '.join(map(str, choices))}"
        )


def _check_range(value: float, bounds: tuple[float, float], where: str) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise DeploymentError(f"{where}: {value} is not between {low} and {high}")
