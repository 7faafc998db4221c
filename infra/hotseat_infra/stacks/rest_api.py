"""The door by default: a REST API, its keys and limits, its errors worded as ours."""

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hotseat_infra.deployment import Api, Limits, Stage
from hotseat_infra.stacks.api_common import access_log, name_record
from hotseat_infra.stacks.firewall import Firewall
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.gateway_errors import REFUSALS
from hotseat_infra.stacks.nag import accept
from hotseat_serve.api import cors


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
        log = access_log(self, stage)
        self.api = rest.RestApi(
            self,
            "Api",
            rest_api_name=f"hotseat-{stage.name}",
            description="Hotseat: Model-as-a-Service for games",
            # all bodies go through as they are: with a list of types, an answer that
            # is binary would be so only for who names its type first in Accept
            binary_media_types=["*/*"],
            # a browser asks ahead without a key, so the gateway itself answers
            default_cors_preflight_options=rest.CorsOptions(
                allow_origins=list(api.origins),
                allow_methods=["GET", "POST"],
                allow_headers=list(cors.SENT),
                max_age=Duration.days(1),
            )
            if api.origins
            else None,
            # one for all of an account's APIs: another stage may be using it
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,
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
                # of all titles together
                throttling_rate_limit=_sum(api, "requests_per_second"),
                throttling_burst_limit=_sum(api, "burst"),
            ),
        )  # fmt: skip
        self.url = self.api.url
        self._routes(functions, default, keyed=bool(api.titles), stage=stage)
        self._answer_ahead_as_text()
        self._refuse(shown=bool(api.origins))
        for title in api.titles:
            self._title(title, stage)
        self._accepted(waf=api.waf, keyed=bool(api.titles))
        if api.waf:
            Firewall(
                self,
                "Firewall",
                stage=self.api.deployment_stage.stage_arn,
                limit=api.waf_requests_per_5_minutes,
            )
        if api.domain:
            self.url = f"https://{api.domain}/"
            self._domain(api)

    @property
    def metrics(self) -> Mapping[str, cloudwatch.Metric]:
        """What the door counts: requests, refusals, failures, and its milliseconds."""
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
        keyed: bool,
        stage: Stage,
    ) -> None:
        """Send a model's paths to its function, and all others to the default's."""

        def to(name: str) -> rest.LambdaIntegration:
            return rest.LambdaIntegration(
                functions[name].alias, proxy=True, allow_test_invoke=False
            )

        def open_(at: rest.IResource, name: str) -> None:
            at.add_method("ANY", to(name), api_key_required=keyed)

        root = self.api.root
        open_(root.add_resource("model-service"), default)
        for version in ("v1", "v2"):
            base = root.add_resource(version)
            open_(base, default)
            models = base.add_resource("models")
            open_(models, default)
            # what no other resource takes, mood:predict and made-up names included
            open_(models.add_resource("{proxy+}"), default)
            if version == "v2":
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

    def _answer_ahead_as_text(self) -> None:
        """Keep what browsers ask ahead out of the binary types.

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

    def _refuse(self, *, shown: bool) -> None:
        """Word what the gateway itself refuses; `shown`: to any web page."""
        # a refusal says nothing of anybody, so that any page may read it
        more = {"Access-Control-Allow-Origin": "'*'"} if shown else {}
        for kind, refusal in REFUSALS.items():
            self.api.add_gateway_response(
                kind.title().replace("_", ""),
                type=rest.ResponseType.of(kind),
                status_code=str(refusal.status),
                response_headers={**refusal.headers, **more},
                templates={"application/json": refusal.body},
            )

    def _title(self, title: str, stage: Stage) -> None:
        """Give a title its key and its share."""
        api, own = stage.api, stage.api.limits.get(title, Limits())
        key = self.api.add_api_key(
            f"Key-{title}", api_key_name=f"hotseat-{stage.name}-{title}"
        )
        plan = self.api.add_usage_plan(
            f"Plan-{title}",
            name=f"hotseat-{stage.name}-{title}",
            throttle=rest.ThrottleSettings(
                rate_limit=own.requests_per_second or api.requests_per_second,
                burst_limit=own.burst or api.burst,
            ),
            quota=rest.QuotaSettings(
                limit=own.daily_quota or api.daily_quota, period=rest.Period.DAY
            ),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)
        plan.add_api_key(key)

    def _domain(self, api: Api) -> None:
        """Answer under a name of one's own."""
        name = self.api.add_domain_name(
            "Domain",
            domain_name=api.domain,
            certificate=certificates.Certificate.from_certificate_arn(
                self, "Certificate", api.certificate
            ),
            security_policy=rest.SecurityPolicy.TLS_1_2,
        )
        name_record(
            self, api, name.domain_name_alias_domain_name,
            name.domain_name_alias_hosted_zone_id,
        )  # fmt: skip


def _sum(api: Api, limit: str) -> int:
    """Return what all titles together may ask for; of an API without keys, its own."""
    usual = getattr(api, limit)
    shares = [getattr(api.limits.get(t), limit, None) or usual for t in api.titles]
    return sum(shares) or usual
