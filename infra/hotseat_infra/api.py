"""The door: API Gateway, its keys and limits, its errors worded as ours."""

import json
from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct, IConstruct

from hotseat_infra.deployment import Stage
from hotseat_infra.function import ModelFunction
from hotseat_infra.nag import accept

_PROBLEM = "application/problem+json"
# API Gateway's own refusals, as our problem documents: type, code, title, may one retry
_REFUSALS = {
    "ACCESS_DENIED": ("403", "forbidden", "The key may not ask this", False),
    "API_CONFIGURATION_ERROR": ("500", "internal", "The service failed", True),
    "INTEGRATION_FAILURE": ("504", "unavailable", "The model is away", True),
    "INTEGRATION_TIMEOUT": ("504", "deadline_exceeded", "It took too long", True),
    "INVALID_API_KEY": ("403", "forbidden", "An x-api-key is needed", False),
    "MISSING_AUTHENTICATION_TOKEN": ("404", "not_found", "No such route", False),
    "QUOTA_EXCEEDED": ("429", "quota_exceeded", "The day's quota is used up", False),
    "REQUEST_TOO_LARGE": ("413", "too_large", "The body is too large", False),
    "THROTTLED": ("429", "throttled", "Too many requests", True),
    "WAF_FILTERED": ("403", "forbidden", "The request was filtered", False),
}


class RestApi(Construct):
    """A REST API with a key and a usage plan for each title."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        functions: Mapping[str, ModelFunction],
        default: str,
    ) -> None:
        super().__init__(scope, name)
        api = stage.api
        log = _log(self)
        self.api = rest.RestApi(
            self,
            "Api",
            rest_api_name=f"hotseat-{stage.name}",
            description="Hotseat: Model-as-a-Service for games",
            # all bodies go through as they are: with a list of types, an answer that
            # is binary would be so only for who names its type first in Accept
            binary_media_types=["*/*"],
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.DESTROY,
            endpoint_types=[rest.EndpointType.REGIONAL],
            deploy_options=rest.StageOptions(
                stage_name=stage.name,
                tracing_enabled=True,
                metrics_enabled=True,
                logging_level=rest.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,  # it would log what players say
                access_log_destination=rest.LogGroupLogDestination(log),
                access_log_format=rest.AccessLogFormat.json_with_standard_fields(
                    caller=False, http_method=True, ip=False, protocol=True,
                    request_time=True, resource_path=True, response_length=True,
                    status=True, user=False,
                ),
                throttling_rate_limit=api.requests_per_second * max(len(api.titles), 1),
                throttling_burst_limit=api.burst * max(len(api.titles), 1),
            ),
        )  # fmt: skip
        self.url = self.api.url
        self._routes(functions, default, keyed=bool(api.titles), stage=stage)
        for kind, (status, code, title, again) in _REFUSALS.items():
            self._refusal(kind, status, code, title, again=again)
        for title in api.titles:
            self._title(title, stage)
        self._accepted(waf=api.waf, keyed=bool(api.titles))
        if api.waf:
            self._waf(api.waf_requests_per_5_minutes)
        if api.domain:
            self.api.add_domain_name(
                "Domain",
                domain_name=api.domain,
                certificate=certificates.Certificate.from_certificate_arn(
                    self, "Certificate", api.certificate
                ),
                security_policy=rest.SecurityPolicy.TLS_1_2,
            )

    def _routes(
        self,
        functions: Mapping[str, ModelFunction],
        default: str,
        *,
        keyed: bool,
        stage: Stage,
    ) -> None:
        """Send a model's paths to its function, and all others to the default's."""

        def to(name: str) -> rest.LambdaIntegration:
            return rest.LambdaIntegration(functions[name].alias, proxy=True)

        def open_(at: rest.IResource, name: str) -> None:
            at.add_method("ANY", to(name), api_key_required=keyed)

        root = self.api.root
        open_(root.add_resource("model-service"), default)
        for version in ("v1", "v2"):
            base = root.add_resource(version)
            open_(base, default)
            models = base.add_resource("models")
            if version == "v1":
                open_(models, default)
            else:
                open_(base.add_resource("{proxy+}"), default)
            for name, model in stage.models.items():
                here = models.add_resource(model.route or name)
                open_(here, name)
                open_(here.add_resource("{proxy+}"), name)

    def _accepted(self, *, waf: bool, keyed: bool) -> None:
        """Say why rules of cdk-nag do not fit here."""
        door = (
            "games ask with an API key of their title; players have no AWS identity"
            if keyed
            else "a stage without titles is open on purpose"
        )
        accept(self.api, "APIG4", door)
        accept(self.api, "COG4", door)
        accept(
            self.api,
            "APIG2",
            "the function holds each request against its model's signature, which "
            "changes with a promote and not with a deployment",
        )
        accept(
            self.api,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            "API Gateway's own role for its logs, one an account",
        )
        if not waf:
            accept(self.api, "APIG3", "the stage's deployment file leaves WAF out")

    def _refusal(
        self, kind: str, status: str, code: str, title: str, *, again: bool
    ) -> None:
        document = {
            "type": f"urn:hotseat:problem:{code}",
            "title": title,
            "status": int(status),
            "detail": title,
            "code": code,
            "retryable": again,
        }
        body = json.dumps(document)[:-1] + ', "request_id": "$context.requestId"}'
        self.api.add_gateway_response(
            kind.title().replace("_", ""),
            type=getattr(rest.ResponseType, kind),
            status_code=status,
            response_headers={"Content-Type": f"'{_PROBLEM}'"},
            templates={"application/json": body},
        )

    def _title(self, title: str, stage: Stage) -> None:
        """Give a title its key and its share."""
        api = stage.api
        key = self.api.add_api_key(
            f"Key-{title}", api_key_name=f"hotseat-{stage.name}-{title}"
        )
        plan = self.api.add_usage_plan(
            f"Plan-{title}",
            name=f"hotseat-{stage.name}-{title}",
            throttle=rest.ThrottleSettings(
                rate_limit=api.requests_per_second, burst_limit=api.burst
            ),
            quota=rest.QuotaSettings(limit=api.daily_quota, period=rest.Period.DAY),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)
        plan.add_api_key(key)

    def _waf(self, limit: int) -> None:
        """Turn away addresses that ask too often, and what AWS knows to be bad."""

        def seen(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
            return waf.CfnWebACL.VisibilityConfigProperty(
                cloud_watch_metrics_enabled=True,
                metric_name=name,
                sampled_requests_enabled=False,  # samples would keep what players say
            )

        acl = waf.CfnWebACL(
            self,
            "Waf",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=seen("hotseat"),
            rules=[
                waf.CfnWebACL.RuleProperty(
                    name="too-often",
                    priority=0,
                    action=waf.CfnWebACL.RuleActionProperty(block={}),
                    statement=waf.CfnWebACL.StatementProperty(
                        rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                            limit=limit, aggregate_key_type="IP"
                        )
                    ),
                    visibility_config=seen("too-often"),
                ),
                waf.CfnWebACL.RuleProperty(
                    name="known-bad",
                    priority=1,
                    override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
                    statement=waf.CfnWebACL.StatementProperty(
                        managed_rule_group_statement=(
                            waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                                vendor_name="AWS",
                                name="AWSManagedRulesAmazonIpReputationList",
                            )
                        )
                    ),
                    visibility_config=seen("known-bad"),
                ),
            ],
        )
        waf.CfnWebACLAssociation(
            self,
            "WafOnApi",
            resource_arn=self.api.deployment_stage.stage_arn,
            web_acl_arn=acl.attr_arn,
        )


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
    ) -> None:
        super().__init__(scope, name)
        made = {
            model: HttpLambdaIntegration(f"To-{model}", function.alias)
            for model, function in functions.items()
        }
        self.api = http.HttpApi(
            self,
            "Api",
            api_name=f"hotseat-{stage.name}",
            default_integration=made[default],
            create_default_stage=False,
        )
        log = _log(self)
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
                    for route_made in self.api.add_routes(
                        path=path, integration=made[model]
                    ):
                        _accept_open(route_made)
        _accept_open(self.api)
        self.url = self.stage.url


def _log(scope: Construct) -> logs.LogGroup:
    """Return where the door's own access log goes."""
    return logs.LogGroup(
        scope,
        "Log",
        retention=logs.RetentionDays.ONE_MONTH,
        removal_policy=RemovalPolicy.DESTROY,
    )


def _accept_open(construct: IConstruct) -> None:
    because = "an HTTP API has no keys; the deployment file chose it, and says so"
    accept(construct, "APIG4", because)
