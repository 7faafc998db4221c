"""The resource types of who may call: API Gateway's authorizer, DynamoDB's table."""

from typing import Any

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target
from local_cloud.moto_server.resource_types import ApiType, Resource, api, lower_first


def _authorizer(target: Target, properties: dict[str, Any]) -> Resource:
    created = api(target, "apigateway").create_authorizer(**lower_first(properties))
    where = {"restApiId": properties["RestApiId"], "authorizerId": created["id"]}
    return Resource(created["id"], {"AuthorizerId": created["id"], **where})


def _delete_authorizer(target: Target, created: Resource) -> None:
    where = {key: created.attributes[key] for key in ("restApiId", "authorizerId")}
    api(target, "apigateway").delete_authorizer(**where)


def _update_authorizer(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    """Change its function and for how long its answers are cached, as AWS does."""
    where = {key: created.attributes[key] for key in ("restApiId", "authorizerId")}
    api(target, "apigateway").update_authorizer(
        **where,
        patchOperations=[
            {"op": "replace", "path": f"/{name}", "value": str(value)}
            for name, value in lower_first(properties).items()
            if name in {"authorizerUri", "authorizerResultTtlInSeconds"}
        ],
    )
    return created


def _table(target: Target, properties: dict[str, Any]) -> Resource:
    ttl = properties.pop("TimeToLiveSpecification", None)
    name = properties.setdefault("TableName", target.name)
    created = api(target, "dynamodb").create_table(**properties)
    if ttl:
        api(target, "dynamodb").update_time_to_live(
            TableName=name, TimeToLiveSpecification=ttl
        )
    return Resource(name, {"Arn": created["TableDescription"]["TableArn"]})


RESOURCE_TYPES |= {
    "AWS::ApiGateway::Authorizer": ApiType(
        _authorizer, _delete_authorizer, _update_authorizer
    ),
    "AWS::DynamoDB::Table": ApiType(
        _table,
        lambda target, created: api(target, "dynamodb").delete_table(
            TableName=created.physical_resource_id
        ),
    ),
}
