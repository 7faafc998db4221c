"""An HTTP API, the alternative: cheaper, with fewer features."""

import json
from collections.abc import Mapping

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct, IConstruct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.api_common import access_log
from hotseat_infra.stacks.authorization import http_authorizer
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.nag import acknowledge
from hotseat_serve.api import cors


class HttpApi(Construct):
    """An HTTP API: a third of the price, without keys, usage plans or WAF."""

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
        authorization = http_authorizer(stage.api, authorizer)
        integrations = {
            model: HttpLambdaIntegration(f"To-{model}", function.alias)
            for model, function in functions.items()
        }
        self.api = http.HttpApi(
            self,
            "Api",
            api_name=f"hotseat-{stage.name}",
            default_integration=integrations[default],
            default_authorizer=authorization,
            create_default_stage=False,
            cors_preflight=http.CorsPreflightOptions(
                allow_origins=list(stage.api.origins),
                allow_methods=[http.CorsHttpMethod.GET, http.CorsHttpMethod.POST],
                allow_headers=list(cors.ALLOWED_HEADERS),
                expose_headers=list(cors.EXPOSED_HEADERS),
                max_age=Duration.days(1),
            )
            if stage.api.origins
            else None,
        )
        self.log = log = access_log(self, stage)
        self.stage = http.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=http.ThrottleSettings(
                rate_limit=stage.api.requests_per_second, burst_limit=stage.api.burst
            ),
        )
        inner = self.stage.node.default_child
        assert isinstance(inner, http.CfnStage)
        inner.access_log_settings = http.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn,
            format=json.dumps(
                {
                    "request_id": "$context.requestId",
                    "route": "$context.routeKey",
                    "status": "$context.status",
                    "latency": "$context.responseLatency",
                    "bytes": "$context.responseLength",
                }
            ),
        )
        for model, settings in stage.models.items():
            route = settings.route or model
            for version in ("v1", "v2"):
                for path in (
                    f"/{version}/models/{route}",
                    f"/{version}/models/{route}/{{proxy+}}",
                ):
                    if settings.stack:
                        added = [
                            http.HttpRoute(
                                Stack.of(functions[model]),
                                path,
                                http_api=self.api,
                                route_key=http.HttpRouteKey.with_(path),
                                integration=integrations[model],
                                authorizer=authorization,
                            )
                        ]
                    else:
                        added = self.api.add_routes(
                            path=path, integration=integrations[model]
                        )
                    for added_route in added:
                        _acknowledge_open(added_route)
        for path, model in stage.openai_routes().items():
            for added_route in self.api.add_routes(
                path=f"/v1/{path}", integration=integrations[model]
            ):
                _acknowledge_open(added_route)
        _acknowledge_open(self.api)
        self.url = self.stage.url
        self.api_id = self.api.api_id
        self.stage_name = self.stage.stage_name

    @property
    def metrics(self) -> Mapping[str, cloudwatch.Metric]:
        """The API's metrics: requests, 4xx, 5xx and latency."""
        stage = self.stage
        return {
            "requests": stage.metric_count(statistic="Sum"),
            "4xx": stage.metric_client_error(statistic="Sum"),
            "5xx": stage.metric_server_error(statistic="Sum"),
            "latency": stage.metric_latency(statistic="p95"),
        }


def _acknowledge_open(construct: IConstruct) -> None:
    reason = "an HTTP API has no keys; the deployment file chose it"
    acknowledge(construct, "APIG4", reason)
