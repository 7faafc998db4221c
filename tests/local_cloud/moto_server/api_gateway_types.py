"""API Gateway's resource types."""

import contextlib
from typing import Any

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target
from local_cloud.moto_server.resource_types import (
    ApiType,
    Resource,
    api,
    keep,
    lower_first,
)


def _gateway(target: Target) -> Any:
    return api(target, "apigateway")


def _tagged(properties: dict[str, Any]) -> dict[str, Any]:
    """Return properties in the API's spelling, with the tags as a map."""
    tags = {tag["Key"]: tag["Value"] for tag in properties.pop("Tags", [])}
    return {**lower_first(properties), "tags": tags}


def _rest_api(target: Target, properties: dict[str, Any]) -> Resource:
    binary = properties.pop("BinaryMediaTypes", [])
    if "ApiKeySourceType" in properties:
        properties["ApiKeySource"] = properties.pop("ApiKeySourceType")
    created = _gateway(target).create_rest_api(**_tagged(properties))
    if binary:  # moto reads them only from an update
        _gateway(target).update_rest_api(
            restApiId=created["id"],
            patchOperations=[
                {"op": "add", "path": "/binaryMediaTypes", "value": kind}
                for kind in binary
            ],
        )
    resources = _gateway(target).get_resources(restApiId=created["id"])["items"]
    return Resource(
        created["id"],
        {"RootResourceId": resources[0]["id"], "RestApiId": created["id"]},
    )


def _update_rest_api(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    """Change where keys come from, which is all that a stage of ours changes."""
    _gateway(target).update_rest_api(
        restApiId=created.physical_resource_id,
        patchOperations=[
            {
                "op": "replace",
                "path": "/apiKeySource",
                "value": properties.get("ApiKeySourceType", "HEADER"),
            }
        ],
    )
    return created


def _resource(target: Target, properties: dict[str, Any]) -> Resource:
    created = _gateway(target).create_resource(**lower_first(properties))
    return Resource(created["id"], {"api": properties["RestApiId"]})


def _method(target: Target, properties: dict[str, Any]) -> Resource:
    integration = lower_first(properties.pop("Integration"))
    where = {key: lower_first(properties)[key] for key in ("restApiId", "resourceId")}
    method = properties["HttpMethod"]
    _gateway(target).put_method(**lower_first(properties))
    _gateway(target).put_integration(**where, httpMethod=method, **integration)
    return Resource(target.logical, {**where, "httpMethod": method})


def _deployment(target: Target, properties: dict[str, Any]) -> Resource:
    created = _gateway(target).create_deployment(**lower_first(properties))
    return Resource(created["id"], {"api": properties["RestApiId"]})


def _stage(target: Target, properties: dict[str, Any]) -> Resource:
    log = properties.pop("AccessLogSetting", {})
    settings = properties.pop("MethodSettings", [])
    stage = _tagged(properties)
    where = {"restApiId": stage["restApiId"], "stageName": stage["stageName"]}
    _gateway(target).create_stage(**stage)
    if any(s.get("LoggingLevel", "OFF") != "OFF" for s in settings):
        # API Gateway creates it by itself, without retention, if it is not there
        group = f"API-Gateway-Execution-Logs_{stage['restApiId']}/{stage['stageName']}"
        logs = api(target, "logs")
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group)
    operations = [
        {"op": "replace", "path": f"/accessLogSettings/{key}", "value": value}
        for key, value in lower_first(log).items()
    ]
    for setting in settings:
        path = f"{setting['ResourcePath'].rstrip('/')}/{setting['HttpMethod']}"
        operations += [
            {"op": "replace", "path": f"{path}/{name}", "value": str(setting[key])}
            for key, name in _SETTINGS.items()
            if key in setting
        ]
    _gateway(target).update_stage(**where, patchOperations=operations)
    return Resource(stage["stageName"], where)


_SETTINGS = {
    "DataTraceEnabled": "logging/dataTrace",
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}


def _update_stage(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    """Change its deployment; any other change replaces the stage."""
    _gateway(target).update_stage(
        **created.attributes,
        patchOperations=[
            {
                "op": "replace",
                "path": "/deploymentId",
                "value": properties["DeploymentId"],
            }
        ],
    )
    return created


def _account(target: Target, properties: dict[str, Any]) -> Resource:
    _gateway(target).update_account(
        patchOperations=[
            {
                "op": "replace",
                "path": "/cloudwatchRoleArn",
                "value": properties["CloudWatchRoleArn"],
            }
        ]
    )
    return Resource(target.name)


def _gateway_response(target: Target, properties: dict[str, Any]) -> Resource:
    created = {
        "restApiId": properties["RestApiId"],
        "responseType": properties["ResponseType"],
    }
    response = {
        key[0].lower() + key[1:]: properties[key]
        for key in ("StatusCode", "ResponseParameters", "ResponseTemplates")
        if key in properties
    }
    _gateway(target).put_gateway_response(**created, **response)
    return Resource(target.logical, created)


def _key(target: Target, properties: dict[str, Any]) -> Resource:
    created = _gateway(target).create_api_key(**_tagged(properties))
    return Resource(created["id"], {"APIKeyId": created["id"]})


def _plan(target: Target, properties: dict[str, Any]) -> Resource:
    name = properties.pop("UsagePlanName")
    created = _gateway(target).create_usage_plan(name=name, **_tagged(properties))
    return Resource(created["id"], {"Id": created["id"]})


def _update_plan(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    limits = {
        "/throttle/rateLimit": properties["Throttle"]["RateLimit"],
        "/throttle/burstLimit": properties["Throttle"]["BurstLimit"],
        "/quota/limit": properties["Quota"]["Limit"],
    }
    _gateway(target).update_usage_plan(
        usagePlanId=created.physical_resource_id,
        patchOperations=[
            {"op": "replace", "path": path, "value": str(value)}
            for path, value in limits.items()
        ],
    )
    return created


def _plan_key(target: Target, properties: dict[str, Any]) -> Resource:
    _gateway(target).create_usage_plan_key(**lower_first(properties))
    created = {key: lower_first(properties)[key] for key in ("usagePlanId", "keyId")}
    return Resource(":".join(created.values()), created)


RESOURCE_TYPES |= {
    "AWS::ApiGateway::RestApi": ApiType(
        _rest_api,
        lambda target, created: _gateway(target).delete_rest_api(
            restApiId=created.physical_resource_id
        ),
        _update_rest_api,
    ),
    "AWS::ApiGateway::Resource": ApiType(
        _resource,
        lambda target, created: _gateway(target).delete_resource(
            restApiId=created.attributes["api"], resourceId=created.physical_resource_id
        ),
    ),
    "AWS::ApiGateway::Method": ApiType(
        _method,
        lambda target, created: _gateway(target).delete_method(**created.attributes),
        lambda target, _, properties: _method(target, properties),
    ),
    "AWS::ApiGateway::Deployment": ApiType(
        _deployment,
        lambda target, created: _gateway(target).delete_deployment(
            restApiId=created.attributes["api"],
            deploymentId=created.physical_resource_id,
        ),
    ),
    "AWS::ApiGateway::Stage": ApiType(
        _stage,
        lambda target, created: _gateway(target).delete_stage(**created.attributes),
        _update_stage,
    ),
    "AWS::ApiGateway::Account": ApiType(
        _account,
        keep,  # an account has one
        lambda target, _, properties: _account(target, properties),
    ),
    "AWS::ApiGateway::GatewayResponse": ApiType(
        _gateway_response,
        lambda target, created: _gateway(target).delete_gateway_response(
            **created.attributes
        ),
        lambda target, _, properties: _gateway_response(target, properties),
    ),
    "AWS::ApiGateway::ApiKey": ApiType(
        _key,
        lambda target, created: _gateway(target).delete_api_key(
            apiKey=created.physical_resource_id
        ),
    ),
    "AWS::ApiGateway::UsagePlan": ApiType(
        _plan,
        lambda target, created: _gateway(target).delete_usage_plan(
            usagePlanId=created.physical_resource_id
        ),
        _update_plan,
    ),
    "AWS::ApiGateway::UsagePlanKey": ApiType(
        _plan_key,
        lambda target, created: _gateway(target).delete_usage_plan_key(
            **created.attributes
        ),
    ),
}
