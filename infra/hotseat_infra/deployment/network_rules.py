"""Check the keys of networks, firewall, secrets, variables, streams and maintenance."""

import re

from hotseat_infra.deployment.schema import Api, Limits, Model, Stage
from hotseat_infra.errors import DeploymentError
from hotseat_serve.settings import Settings

WAF_RATE = (10, 2_000_000_000)
"""The range of a rate-based rule (docs.aws.amazon.com, "AWS::WAFv2::WebACL")."""
ENVIRONMENT_BYTES = 4_096
"""All variables of a function together (docs.aws.amazon.com, "Lambda quotas")."""
OWN_BYTES = 2_048
"""Of these, what the service's own settings take at most."""
RESERVED = frozenset(
    {"_HANDLER", "_X_AMZN_TRACE_ID", "PYTHONPATH", "PATH", "TZ", "LD_LIBRARY_PATH"}
)
"""Set by Lambda or by the image (docs.aws.amazon.com, "Working with Lambda environment
variables")."""
FREE_SETTINGS = frozenset(
    {"max_ms", "generate_seconds", "open_seconds", "threads", "log", "sample",
     "mask"}
)  # fmt: skip
"""Settings of the service that no key of the file has."""
KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/\S+")
_SECRET = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:\S+-[A-Za-z0-9]{6}"
)
_MAX_KEYS = 4
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_VPC = re.compile(r"vpc-[0-9a-f]{8,17}")
_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")
_ROUTES = re.compile(r"rtb-[0-9a-f]{8,17}")
_ENDPOINT = re.compile(r"vpce-[0-9a-f]{8,17}")


def check_environment(model: Model, here: str) -> None:
    """Raise `DeploymentError` for a variable that is not the file's to set."""
    allowed = {f"HOTSEAT_{name.upper()}" for name in FREE_SETTINGS}
    for name, value in model.environment.items():
        if not _VARIABLE.fullmatch(name):
            raise DeploymentError(
                f"{here}: {name!r}: expected a name of letters, digits and _, with a "
                "letter first"
            )
        if name in RESERVED or name.startswith(("AWS_", "LAMBDA_")):
            raise DeploymentError(f"{here}: Lambda itself sets {name}: remove it")
        if name.startswith("HOTSEAT_") and name not in allowed:
            raise DeploymentError(
                f"{here}: {name} follows from other keys of this file, or is no "
                f"setting; expected one of {', '.join(sorted(allowed))}"
            )
        if name in allowed:
            _check_setting(name, value, f"{here}.{name}")
    size = sum(
        len(name.encode()) + len(value.encode())
        for name, value in model.environment.items()
    )
    room = ENVIRONMENT_BYTES - OWN_BYTES
    if size > room:
        raise DeploymentError(
            f"{here}: {size:,} bytes; there is room for {room:,} beside the service's "
            "own: put large values into a file of your package"
        )


def _check_setting(name: str, value: str, here: str) -> None:
    try:
        Settings.from_env({name: value})
    except ValueError as error:
        raise DeploymentError(f"{here}: {error}") from None


def check_secrets(stage: Stage, where: str) -> None:
    """Raise `DeploymentError` for what names no key in KMS, or no secret."""
    for arn in stage.encryption_keys:
        if not KMS_KEY.fullmatch(arn):
            raise DeploymentError(
                f"{where}.encryption_keys: {arn!r} is not the ARN of a KMS key "
                "(arn:aws:kms:REGION:ACCOUNT:key/ID)"
            )
    if len(stage.encryption_keys) > _MAX_KEYS:
        raise DeploymentError(
            f"{where}.encryption_keys: {len(stage.encryption_keys)} keys, and "
            f"{_MAX_KEYS} is the most: publish the versions again under one of them"
        )
    if stage.player_secret and not _SECRET.fullmatch(stage.player_secret):
        raise DeploymentError(
            f"{where}.player_secret: expected a secret's ARN with its last six "
            "characters (aws secretsmanager describe-secret)"
        )
    if stage.player_secret_key and not (
        stage.player_secret and KMS_KEY.fullmatch(stage.player_secret_key)
    ):
        raise DeploymentError(
            f"{where}.player_secret_key: expected a KMS key's ARN, together with "
            "player_secret"
        )


def check_network(stage: Stage, where: str) -> None:
    """Raise `DeploymentError` for an id of another form, or too few subnets."""
    network, here = stage.network, f"{where}.network"
    if network is None:
        return
    for name, values, form, example in (
        ("vpc", (network.vpc,), _VPC, "vpc-0a1b2c3d"),
        ("subnets", network.subnets, _SUBNET, "subnet-0a1b2c3d"),
        ("security_groups", network.security_groups, _GROUP, "sg-0a1b2c3d"),
        ("route_tables", network.route_tables, _ROUTES, "rtb-0a1b2c3d"),
    ):
        for value in values:
            if not form.fullmatch(value):
                raise DeploymentError(
                    f"{here}.{name}: {value!r} is not an id such as {example}"
                )
        if len(set(values)) < len(values):
            raise DeploymentError(f"{here}.{name}: an id is listed twice")
    if len(network.subnets) < 2:
        raise DeploymentError(
            f"{here}.subnets: expected two or more, in different zones: one zone that "
            "fails would take the stage with it"
        )
    # Lambda's limits for one function
    if not 1 <= len(network.security_groups) <= 5 or len(network.subnets) > 16:
        raise DeploymentError(
            f"{here}: Lambda takes 1 to 5 security_groups and at most 16 subnets"
        )


def check_private(stage: Stage, here: str) -> None:
    """Raise `DeploymentError` for what a private API cannot have."""
    api = stage.api
    for endpoint in api.vpc_endpoints:
        if not _ENDPOINT.fullmatch(endpoint):
            raise DeploymentError(
                f"{here}.vpc_endpoints: {endpoint!r} is not an id such as vpce-0a1b2c3d"
            )
    if not api.private:
        if api.vpc_endpoints:
            raise DeploymentError(
                f"{here}.vpc_endpoints: they lead to a private API: set private = true"
            )
        return
    if api.kind != "rest":
        raise DeploymentError(
            f'{here}.private: an HTTP API is always public; use kind = "rest"'
        )
    if api.domain:
        raise DeploymentError(
            f"{here}: a private API has no domain of its own here: remove domain, or "
            "point a record of your private zone to the endpoint"
        )
    if not api.vpc_endpoints and stage.network is None:
        raise DeploymentError(
            f"{here}.private: set vpc_endpoints to existing ones for execute-api, or "
            "network, in which the stack creates one"
        )


def check_maintenance(stage: Stage, here: str) -> None:
    """Raise `DeploymentError` for a schedule that has nothing to work on."""
    work = stage.maintenance
    if work is None:
        return
    if stage.registry:
        raise DeploymentError(
            f"{here}: the registry is another stack's: set it in the stage that "
            "creates the registry"
        )
    for name, (low, high) in _DAYS.items():
        value = getattr(work, name)
        if not low <= value <= high:
            raise DeploymentError(
                f"{here}.{name}: {value} is not between {low} and {high}"
            )
    if not (work.verify_every_days or work.collect_every_days):
        raise DeploymentError(
            f"{here}: set verify_every_days or collect_every_days, or remove the table"
        )


_DAYS = {
    "verify_every_days": (0, 365),
    "collect_every_days": (0, 365),
    "keep_days": (1, 3_650),
}


def check_streams(stage: Stage, model: Model, here: str) -> None:
    """Raise `DeploymentError` where one side streams and the other does not."""
    if model.function_url and stage.api.kind == "rest" and not stage.api.stream:
        raise DeploymentError(
            f"{here}.function_url: its function streams every "
            "answer, so the REST API has to: set stream = true under .api"
        )
    if model.package == "zip" and (stage.api.stream or model.function_url):
        raise DeploymentError(
            f"{here}.package: Lambda's own Python cannot stream: "
            'use package = "image", or remove stream and function_url'
        )


def check_firewall(api: Api, here: str) -> None:
    """Raise `DeploymentError` for a limit of WAF below what the plans allow."""
    rate = api.waf_requests_per_5_minutes
    _check_rate(rate, f"{here}.waf_requests_per_5_minutes")
    limit = api.waf_key_requests_per_5_minutes
    if not limit:
        return
    here = f"{here}.waf_key_requests_per_5_minutes"
    if not (api.waf and api.games):
        raise DeploymentError(f"{here}: it counts games' keys: set waf and games")
    _check_rate(limit, here)
    least = requests_per_5_minutes(api)
    if limit < least:
        raise DeploymentError(
            f"{here}: {limit:,} is less than a game may send by its plan: set "
            f"{least:,} or more"
        )


def requests_per_5_minutes(api: Api) -> int:
    """Return what the most generous plan lets one game send in five minutes."""
    plans = [api.limits.get(game, Limits()) for game in api.games]
    return max(
        (p.requests_per_second or api.requests_per_second) * 300
        + (p.burst or api.burst)
        for p in plans
    )


def _check_rate(value: int, here: str) -> None:
    low, high = WAF_RATE
    if not low <= value <= high:
        raise DeploymentError(f"{here}: {value} is not between {low} and {high}")
