"""The custom domain of the API, the same for both kinds of API.

Both kinds have one domain name and one mapping, with fixed logical ids: a change of
kind moves the mapping, and the domain keeps its address. CloudFormation creates before
it deletes, so a second domain of the same name would be refused.
"""

from aws_cdk import Aws, Duration
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_route53 as route53
from constructs import Construct

from hotseat_infra.deployment import Api

_DOWN = 0.5
"""The share of 5xx answers, for three minutes, that sends players elsewhere."""


class Domain(Construct):
    """A domain name, its mapping to one API's stage, and its DNS record."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        api: Api,
        api_id: str,
        stage: str,
        failed: cloudwatch.Metric,
    ) -> None:
        super().__init__(scope, name)
        self.name = rest.CfnDomainName(
            self,
            "Name",
            domain_name=api.domain,
            regional_certificate_arn=api.certificate,
            endpoint_configuration=rest.CfnDomainName.EndpointConfigurationProperty(
                types=["REGIONAL"]
            ),
            security_policy="TLS_1_2",
        )
        mapping = http.CfnApiMapping(
            self, "Mapping", api_id=api_id, domain_name=api.domain, stage=stage
        )
        mapping.add_resource_dependency(self.name)
        if api.zone:
            self._add_record(api, failed)

    def _add_record(self, api: Api, failed: cloudwatch.Metric) -> None:
        """Add the DNS record; with `latency`, one of several regions'."""
        health = self._add_health_check(failed) if api.latency else None
        route53.CfnRecordSet(
            self,
            "Record",
            hosted_zone_id=api.zone,
            name=api.domain,
            type="A",
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=self.name.attr_regional_domain_name,
                hosted_zone_id=self.name.attr_regional_hosted_zone_id,
                # follows the health of the target's region by itself
                evaluate_target_health=True if api.latency else None,
            ),
            health_check_id=health,
            region=Aws.REGION if api.latency else None,
            set_identifier=Aws.REGION if api.latency else None,
        )

    def _add_health_check(self, failed: cloudwatch.Metric) -> str:
        """Return the id of a health check: unhealthy while half of the answers are 5xx.

        It follows an alarm, as a check from outside would need a key. Route 53 takes no
        alarm of metric math; API Gateway's 5XXError has the share as its average.
        """
        down = cloudwatch.Alarm(
            self,
            "Down",
            metric=failed.with_(statistic="Average", period=Duration.minutes(1)),
            threshold=_DOWN,
            evaluation_periods=3,
            comparison_operator=(
                cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
            ),
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                "Hotseat: half of the answers are 5xx; players go to another region. "
                "docs/how-to/operate.md, drill 5"
            ),
        )
        check = route53.CfnHealthCheck(
            self,
            "Health",
            health_check_config=route53.CfnHealthCheck.HealthCheckConfigProperty(
                type="CLOUDWATCH_METRIC",
                alarm_identifier=route53.CfnHealthCheck.AlarmIdentifierProperty(
                    name=down.alarm_name, region=Aws.REGION
                ),
                insufficient_data_health_status="Healthy",
            ),
        )
        return check.attr_health_check_id
