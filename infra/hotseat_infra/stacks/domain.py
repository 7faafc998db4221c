"""The custom domain of the API, the same for both kinds of API.

Both kinds have one domain name and one mapping, with fixed logical ids: a change of
kind moves the mapping, and the domain keeps its address. CloudFormation creates before
it deletes, so a second domain of the same name would be refused.
"""

from aws_cdk import Aws
from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_route53 as route53
from constructs import Construct

from hotseat_infra.deployment import Api


class Domain(Construct):
    """A domain name, its mapping to one API's stage, and its DNS record."""

    def __init__(
        self, scope: Construct, name: str, *, api: Api, api_id: str, stage: str
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
            self._add_record(api)

    def _add_record(self, api: Api) -> None:
        """Add the DNS record; with `latency`, one of several regions'."""
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
            region=Aws.REGION if api.latency else None,
            set_identifier=Aws.REGION if api.latency else None,
        )
