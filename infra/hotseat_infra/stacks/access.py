"""Who may call a stage's API: the authorizer of player tokens, the table of limits."""

from dataclasses import replace

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from hotseat_infra.deployment import Api, Stage
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.function_code import image, machine
from hotseat_infra.stacks.log_retention import retention
from hotseat_infra.stacks.nag import acknowledge
from hotseat_infra.stacks.network import attach
from hotseat_infra.stacks.registry_access import Registry, grant_read_keys
from hotseat_serve.settings import Settings

HANDLER = "hotseat_serve.access.authorizer.handler"
MEMORY_MB = 512
"""It has a third of a core, in which an ES256 signature takes under a millisecond."""


def counts_by_token(api: Api) -> bool:
    """Whether a game's limits are taken by its tokens, and no API key is sent."""
    return api.kind == "rest" and api.access == "tokens" and bool(api.games)


def game_keys(stage: Stage) -> str:
    """Return what the keys of a stage's games are derived from."""
    return f"hotseat-{stage.name}-"


def limits_of(api: Api) -> dict[str, str]:
    """Return the settings of the limits that functions share in a table."""
    limits = {}
    if api.player_requests_per_second:
        values = (api.player_requests_per_second, api.player_burst)
        limits = dict(zip(_OF_REQUESTS, map(str, values), strict=True))
    if api.player_tokens_per_hour:
        limits["HOTSEAT_PLAYER_TOKENS"] = str(api.player_tokens_per_hour)
    if api.tokens_per_hour:
        limits["HOTSEAT_STAGE_TOKENS"] = str(api.tokens_per_hour)
    return limits


_OF_REQUESTS = ("HOTSEAT_PLAYER_RATE", "HOTSEAT_PLAYER_BURST")


class Access(Construct):
    """The authorizer's function, if the stage has tokens, and the table, if limits."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        registry: Registry | None,
    ) -> None:
        super().__init__(scope, name)
        self._stage = stage
        self.authorizer: lambda_.IFunction | None = None
        self.table: dynamodb.Table | None = None
        if registry is not None and stage.api.access == "tokens":
            self.authorizer = self._add_authorizer(registry)
        if limits_of(stage.api):
            self.table = self._add_table()

    def protect(self, function: ModelFunction) -> None:
        """Tell a model's function who asks, and let it take from the limits."""
        api, add = self._stage.api, function.function.add_environment
        if api.access:
            add("HOTSEAT_ACCESS", "gateway")
        if api.access == "tokens":  # other callers have no game
            add("HOTSEAT_TOKEN_GAMES", ",".join(api.games))
        if self.table is None:
            return
        limits = limits_of(api)
        if not function.model.text:  # it writes no tokens
            limits = {key: limits[key] for key in limits if key in _OF_REQUESTS}
        if not limits:
            return
        add("HOTSEAT_RATE_TABLE", self.table.table_name)
        for variable, value in limits.items():
            add(variable, value)
        self.table.grant(function.role, "dynamodb:UpdateItem")

    def _add_authorizer(self, registry: Registry) -> lambda_.IFunction:
        stage = self._stage
        log = logs.LogGroup(
            self,
            "Log",
            retention=retention(stage.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Hotseat: verifies player tokens",
        )
        log.grant_write(role)
        # the architecture of the models' functions: one image less to build
        first = next(iter(stage.models.values()))
        settings = Settings(
            registry=registry.uri,
            audience=stage.api.audience,
            trust=",".join(f"/var/task/trust/{key}" for key in stage.trust),
            trust_threshold=stage.trust_threshold,
        )
        names = ["registry", "audience", "trust", "trust_threshold"]
        if counts_by_token(stage.api):
            settings = replace(settings, game_keys=game_keys(stage))
            names.append("game_keys")
        environment = settings.to_env()
        function = lambda_.DockerImageFunction(
            self,
            "Authorizer",
            code=image(self, architecture=first.architecture, command=HANDLER),
            architecture=machine(first),
            description="Hotseat: verifies player tokens",
            memory_size=MEMORY_MB,
            timeout=Duration.seconds(5),
            environment={
                key: environment[key] for key in (f"HOTSEAT_{n.upper()}" for n in names)
            },
            role=role,
            log_group=log,
            logging_format=lambda_.LoggingFormat.TEXT,
        )
        attach(function, role, stage.network)
        grant_read_keys(role, registry)
        return function

    def _add_table(self) -> dynamodb.Table:
        table = dynamodb.Table(
            self,
            "Limits",
            partition_key=dynamodb.Attribute(
                name="bucket", type=dynamodb.AttributeType.STRING
            ),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires",
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(table, "DDB3", "limits of the last seconds need no backup")
        return table
