"""A REST API, the default: keys, limits, and errors in the service's form."""

import json
from collections.abc import Mapping

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from hotseat_infra.deployment import Api, Limits, Stage
from hotseat_infra.deployment.text_rules import TIMEOUT_S
from hotseat_infra.stacks.access import counts_by_token, game_keys
from hotseat_infra.stacks.api_common import ACCESS_LOG, access_log
from hotseat_infra.stacks.authorization import rest_authorization, who_calls
from hotseat_infra.stacks.firewall import Firewall
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.gateway_errors import GATEWAY_ERRORS
from hotseat_infra.stacks.log_retention import retention
from hotseat_infra.stacks.nag import acknowledge
from hotseat_infra.stacks.network import ApiEndpoint, private_policy
from hotseat_serve.api import cors
from hotseat_serve.settings import Settings


class RestApi(Construct):
    """A REST API with a key and a usage plan for each game."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        functions: Mapping[str, ModelFunction],
        default: str,
        authorizer: lambda_.IFunction | None = None,
    ) -> None:
        super().__init__(scope, name)
        api = stage.api
        self._authorization = rest_authorization(self, api, authorizer)
        self.log = log = access_log(self, stage)
        endpoints = self._endpoints(stage)
        self.api = rest.RestApi(
            self,
            "Api",
            rest_api_name=f"hotseat-{stage.name}",
            description="Hotseat: Model-as-a-Service for games",
            # pass all bodies unchanged: with a list of types, a binary answer would
            # stay binary only if the first type in Accept is one of them
            binary_media_types=["*/*"],
            # a preflight request has no key, so the gateway itself answers it
            default_cors_preflight_options=rest.CorsOptions(
                allow_origins=list(api.origins),
                allow_methods=["GET", "POST"],
                allow_headers=list(cors.ALLOWED_HEADERS),
                max_age=Duration.days(1),
            )
            if api.origins
            else None,
            # a player sends a token and no key: the authorizer names the game's
            api_key_source_type=rest.ApiKeySourceType.AUTHORIZER
            if counts_by_token(api)
            else None,
            # shared by all APIs of an account: another stage may use it
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,
            endpoint_configuration=endpoints,
            policy=(
                private_policy(self.endpoints) if self.endpoints else None
            ),
            deploy_options=rest.StageOptions(
                stage_name=stage.name,
                tracing_enabled=True,
                # by stage they have no price; by method each would be a custom metric
                metrics_enabled=False,
                logging_level=rest.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,  # it would log players' texts
                access_log_destination=rest.LogGroupLogDestination(log),
                access_log_format=rest.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
                # of all games together
                throttling_rate_limit=_total_limit(api, "requests_per_second"),
                throttling_burst_limit=_total_limit(api, "burst"),
            ),
        )  # fmt: skip
        self._log_of_executions(stage)
        self.url = self._address(stage)
        self._routes(functions, default, key_required=bool(api.games), stage=stage)
        self._answer_preflight_as_text()
        self._add_gateway_errors(any_origin=bool(api.origins))
        for game in api.games:
            self._add_game(game, stage)
        self._acknowledge_findings(waf=api.waf, who=who_calls(api))
        if api.waf:
            Firewall(
                self,
                "Firewall",
                stage=stage,
                api_stage=self.api.deployment_stage.stage_arn,
            )
        self.api_id = self.api.rest_api_id
        self.stage_name = self.api.deployment_stage.stage_name

    def _endpoints(self, stage: Stage) -> rest.EndpointConfiguration:
        """Return the API's kind of endpoint; a private one has VPC endpoints."""
        self.endpoints: list[str] = []
        if not stage.api.private:
            return rest.EndpointConfiguration(types=[rest.EndpointType.REGIONAL])
        self.endpoints = list(stage.api.vpc_endpoints) or [
            ApiEndpoint(self, "Endpoint", stage=stage).endpoint.attr_id
        ]
        return rest.EndpointConfiguration(
            types=[rest.EndpointType.PRIVATE],
            vpc_endpoints=[
                ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                    self, f"Endpoint{number}", vpc_endpoint_id=endpoint, port=443
                )
                for number, endpoint in enumerate(self.endpoints)
            ],
        )

    def _address(self, stage: Stage) -> str:
        """Return the API's address; a private one is reached by its first endpoint."""
        if not self.endpoints:
            return self.api.url
        host = f"{self.api.rest_api_id}-{self.endpoints[0]}"
        return f"https://{host}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}/{stage.name}/"

    @property
    def metrics(self) -> Mapping[str, cloudwatch.Metric]:
        """The API's metrics: requests, 4xx, 5xx and latency."""
        stage = self.api.deployment_stage
        return {
            "requests": stage.metric_count(statistic="Sum"),
            "4xx": stage.metric_client_error(statistic="Sum"),
            "5xx": stage.metric_server_error(statistic="Sum"),
            "latency": stage.metric_latency(statistic="p95"),
        }

    def _routes(
        self,
        functions: Mapping[str, ModelFunction],
        default: str,
        *,
        key_required: bool,
        stage: Stage,
    ) -> None:
        """Route a model's paths to its function, all others to the default model's."""

        def to(name: str) -> rest.LambdaIntegration:
            # one permission for the whole API: one for each method would exceed the
            # size of a function's policy
            return rest.LambdaIntegration(
                functions[name].alias,
                proxy=True,
                allow_test_invoke=False,
                scope_permission_to_method=False,
                response_transfer_mode=rest.ResponseTransferMode.STREAM
                if stage.api.stream
                else None,
                # a stream may go on for longer than API Gateway's default
                timeout=Duration.seconds(timeout)
                if (timeout := functions[name].model.timeout_s) > TIMEOUT_S[1]
                else None,
            )

        def add_any_method(at: rest.IResource, name: str) -> None:
            at.add_method(
                "ANY", to(name), api_key_required=key_required, **self._authorization
            )

        root = self.api.root
        add_any_method(root.add_resource("model-service"), default)
        for version in ("v1", "v2"):
            base = root.add_resource(version)
            add_any_method(base, default)
            models = base.add_resource("models")
            add_any_method(models, default)
            # any other path, such as mood:predict or an unknown name
            add_any_method(models.add_resource("{proxy+}"), default)
            if version == "v2":
                add_any_method(base.add_resource("{proxy+}"), default)
            else:  # OpenAI's paths have the model in the body
                for path, name in stage.openai_routes().items():
                    add_any_method(base.resource_for_path(path), name)
            for name, model in stage.models.items():
                route = model.route or name
                if model.stack:
                    place = Stack.of(functions[name])
                    resource = rest.Resource(
                        place, f"{version}-{route}", parent=models, path_part=route
                    )
                    acknowledge(resource, "APIG4", who_calls(stage.api))
                    acknowledge(resource, "COG4", who_calls(stage.api))
                else:
                    resource = models.add_resource(route)
                add_any_method(resource, name)
                add_any_method(resource.add_resource("{proxy+}"), name)

    def _acknowledge_findings(self, *, waf: bool, who: str) -> None:
        """Acknowledge findings of cdk-nag, with reasons."""
        acknowledge(self.api, "APIG4", who)
        acknowledge(self.api, "COG4", who)
        acknowledge(
            self.api,
            "APIG2",
            "the function validates each request against its model's signature, which "
            "changes with a promote and not with a deployment",
        )
        acknowledge(
            self.api,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            "API Gateway's own role for its logs, one an account",
        )
        if not waf:
            acknowledge(self.api, "APIG3", "the stage's deployment file leaves WAF out")

    def _log_of_executions(self, stage: Stage) -> None:
        """Create the log group that API Gateway would create without retention.

        Before the stage: API Gateway creates it with the stage, if it is not there.
        """
        group = logs.LogGroup(
            self,
            "Executions",
            log_group_name=(
                f"API-Gateway-Execution-Logs_{self.api.rest_api_id}/{stage.name}"
            ),
            retention=retention(stage.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.api.deployment_stage.node.add_dependency(group)

    def _answer_preflight_as_text(self) -> None:
        """Exclude preflight requests from the binary types.

        With all types binary, API Gateway cannot read its own mock's template and
        answers 500 (github.com/aws/chalice/issues/1310).
        """
        for method in self.api.methods:
            if method.http_method == "OPTIONS":
                inner = method.node.default_child
                assert isinstance(inner, rest.CfnMethod)
                inner.add_property_override(
                    "Integration.ContentHandling", "CONVERT_TO_TEXT"
                )

    def _add_gateway_errors(self, *, any_origin: bool) -> None:
        """Set the gateway's own errors; `any_origin`: readable by any web page."""
        # these errors hold no data of anybody, so any page may read them
        cors_headers = {"Access-Control-Allow-Origin": "'*'"} if any_origin else {}
        for kind, error in GATEWAY_ERRORS.items():
            self.api.add_gateway_response(
                kind.title().replace("_", ""),
                type=rest.ResponseType.of(kind),
                status_code=str(error.status),
                response_headers={**error.headers, **cors_headers},
                templates={"application/json": error.body},
            )

    def _add_game(self, game: str, stage: Stage) -> None:
        """Add a game's API key and usage plan."""
        api, limits = stage.api, stage.api.limits.get(game, Limits())
        key = self.api.add_api_key(
            f"Key-{game}",
            api_key_name=f"hotseat-{stage.name}-{game}",
            value=Settings(game_keys=game_keys(stage)).usage_key(game)
            if counts_by_token(api)
            else None,
        )
        plan = self.api.add_usage_plan(
            f"Plan-{game}",
            name=f"hotseat-{stage.name}-{game}",
            throttle=rest.ThrottleSettings(
                rate_limit=limits.requests_per_second or api.requests_per_second,
                burst_limit=limits.burst or api.burst,
            ),
            quota=rest.QuotaSettings(
                limit=limits.daily_quota or api.daily_quota, period=rest.Period.DAY
            ),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)
        plan.add_api_key(key)


def _total_limit(api: Api, limit: str) -> int:
    """Return the sum of all games' limits; without games, the API's limit."""
    default_limit = getattr(api, limit)
    game_limits = [
        getattr(api.limits.get(game), limit, None) or default_limit
        for game in api.games
    ]
    return sum(game_limits) or default_limit
