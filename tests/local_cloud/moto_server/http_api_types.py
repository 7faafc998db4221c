"""Resource types of an HTTP API, of a custom domain and of its record."""

from typing import Any

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target
from local_cloud.moto_server.resource_types import ApiType, Resource, api

_ZONE = "Z2FDTNDATAQYW2"


def _v2(target: Target) -> Any:
    return api(target, "apigatewayv2")


def _http_api(target: Target, properties: dict[str, Any]) -> Resource:
    created = _v2(target).create_api(**properties)["ApiId"]
    return Resource(created, {"ApiId": created})


def _update_http_api(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    for fixed in ("ProtocolType", "Tags"):
        properties.pop(fixed, None)
    _v2(target).update_api(ApiId=created.physical_resource_id, **properties)
    return created


def _part(kind: str, identity: str) -> ApiType:
    """Return the type of a part of an API: an integration, a route, a stage."""

    def create(target: Target, properties: dict[str, Any]) -> Resource:
        made = getattr(_v2(target), f"create_{kind}")(**properties)
        where = {"ApiId": properties["ApiId"], identity: made[identity]}
        return Resource(made[identity], where)

    def delete(target: Target, created: Resource) -> None:
        getattr(_v2(target), f"delete_{kind}")(**created.attributes)

    def update(
        target: Target, created: Resource, properties: dict[str, Any]
    ) -> Resource:
        properties.pop("Tags", None)
        getattr(_v2(target), f"update_{kind}")(**{**properties, **created.attributes})
        return created

    return ApiType(create, delete, update)


def _domain(target: Target, properties: dict[str, Any]) -> Resource:
    name = properties["DomainName"]
    _v2(target).create_domain_name(
        DomainName=name,
        DomainNameConfigurations=[
            {
                "CertificateArn": properties["RegionalCertificateArn"],
                "EndpointType": properties["EndpointConfiguration"]["Types"][0],
                "SecurityPolicy": properties["SecurityPolicy"],
            }
        ],
    )
    regional = f"d-{target.logical.lower()}.execute-api.{target.region}.amazonaws.com"
    attributes = {"RegionalDomainName": regional, "RegionalHostedZoneId": _ZONE}
    return Resource(name, attributes)


def _mapping(target: Target, properties: dict[str, Any]) -> Resource:
    """Map a domain to an API, which may be a REST API as well."""
    name, key = properties["DomainName"], properties.pop("ApiMappingKey", "")
    _v2(target).get_domain_name(DomainName=name)
    rest = api(target, "apigateway").get_rest_apis()["items"]
    if properties["ApiId"] in {one["id"] for one in rest}:  # moto's v2 knows none
        return Resource(target.logical)
    made = _v2(target).create_api_mapping(**properties, ApiMappingKey=key)
    where = {"DomainName": name, "ApiMappingId": made["ApiMappingId"]}
    return Resource(made["ApiMappingId"], where)


def _record(target: Target, properties: dict[str, Any], action: str) -> Resource:
    zone = properties.pop("HostedZoneId")
    properties["AliasTarget"].setdefault("EvaluateTargetHealth", False)
    change = {"Action": action, "ResourceRecordSet": properties}
    api(target, "route53").change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [change]}
    )
    return Resource(properties["Name"], {"zone": zone, "type": properties["Type"]})


def _delete_record(target: Target, created: Resource) -> None:
    route53, zone = api(target, "route53"), created.attributes["zone"]
    listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (found,) = (
        record
        for record in listed
        if record["Name"].rstrip(".") == created.physical_resource_id
        and record["Type"] == created.attributes["type"]
    )
    change = {"Action": "DELETE", "ResourceRecordSet": found}
    route53.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [change]}
    )


RESOURCE_TYPES |= {
    "AWS::ApiGatewayV2::Api": ApiType(
        _http_api,
        lambda target, created: _v2(target).delete_api(
            ApiId=created.physical_resource_id
        ),
        _update_http_api,
    ),
    "AWS::ApiGatewayV2::Integration": _part("integration", "IntegrationId"),
    "AWS::ApiGatewayV2::Route": _part("route", "RouteId"),
    "AWS::ApiGatewayV2::Stage": _part("stage", "StageName"),
    "AWS::ApiGatewayV2::ApiMapping": ApiType(
        _mapping,
        lambda target, created: (
            _v2(target).delete_api_mapping(**created.attributes)
            if created.attributes
            else None
        ),
    ),
    "AWS::ApiGateway::DomainName": ApiType(
        _domain,
        lambda target, created: _v2(target).delete_domain_name(
            DomainName=created.physical_resource_id
        ),
    ),
    "AWS::Route53::RecordSet": ApiType(
        lambda target, properties: _record(target, properties, "CREATE"),
        _delete_record,
        lambda target, _, properties: _record(target, properties, "UPSERT"),
    ),
}
