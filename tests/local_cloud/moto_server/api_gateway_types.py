"""API Gateway's resource types, by calls as in `kinds`."""

from typing import Any

from local_cloud.moto_server.cloudformation import KINDS, Place
from local_cloud.moto_server.resource_types import Called, Made, api, lower_first, stays


def _gateway(place: Place) -> Any:
    return api(place, "apigateway")


def _tagged(given: dict[str, Any]) -> dict[str, Any]:
    """Return properties as the API takes them, tags as a map."""
    tags = {tag["Key"]: tag["Value"] for tag in given.pop("Tags", [])}
    return {**lower_first(given), "tags": tags}


def _rest_api(place: Place, given: dict[str, Any]) -> Made:
    binary = given.pop("BinaryMediaTypes", [])
    made = _gateway(place).create_rest_api(**_tagged(given))
    if binary:  # moto reads them from an update alone
        _gateway(place).update_rest_api(
            restApiId=made["id"],
            patchOperations=[
                {"op": "add", "path": "/binaryMediaTypes", "value": kind}
                for kind in binary
            ],
        )
    found = _gateway(place).get_resources(restApiId=made["id"])["items"]
    return Made(made["id"], {"RootResourceId": found[0]["id"], "RestApiId": made["id"]})


def _resource(place: Place, given: dict[str, Any]) -> Made:
    made = _gateway(place).create_resource(**lower_first(given))
    return Made(made["id"], {"api": given["RestApiId"]})


def _method(place: Place, given: dict[str, Any]) -> Made:
    integration = lower_first(given.pop("Integration"))
    where = {key: lower_first(given)[key] for key in ("restApiId", "resourceId")}
    method = given["HttpMethod"]
    _gateway(place).put_method(**lower_first(given))
    _gateway(place).put_integration(**where, httpMethod=method, **integration)
    return Made(place.logical, {**where, "httpMethod": method})


def _deployment(place: Place, given: dict[str, Any]) -> Made:
    made = _gateway(place).create_deployment(**lower_first(given))
    return Made(made["id"], {"api": given["RestApiId"]})


def _stage(place: Place, given: dict[str, Any]) -> Made:
    log = given.pop("AccessLogSetting", {})
    settings = given.pop("MethodSettings", [])
    stage = _tagged(given)
    where = {"restApiId": stage["restApiId"], "stageName": stage["stageName"]}
    _gateway(place).create_stage(**stage)
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
    _gateway(place).update_stage(**where, patchOperations=operations)
    return Made(stage["stageName"], where)


_SETTINGS = {
    "DataTraceEnabled": "logging/dataTrace",
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}


def _stage_changed(place: Place, made: Made, given: dict[str, Any]) -> Made:
    """Point it at another deployment; all else about it is made anew."""
    _gateway(place).update_stage(
        **made.attributes,
        patchOperations=[
            {"op": "replace", "path": "/deploymentId", "value": given["DeploymentId"]}
        ],
    )
    return made


def _account(place: Place, given: dict[str, Any]) -> Made:
    _gateway(place).update_account(
        patchOperations=[
            {
                "op": "replace",
                "path": "/cloudwatchRoleArn",
                "value": given["CloudWatchRoleArn"],
            }
        ]
    )
    return Made(place.name)


def _refusal(place: Place, given: dict[str, Any]) -> Made:
    made = {"restApiId": given["RestApiId"], "responseType": given["ResponseType"]}
    told = {
        key[0].lower() + key[1:]: given[key]
        for key in ("StatusCode", "ResponseParameters", "ResponseTemplates")
        if key in given
    }
    _gateway(place).put_gateway_response(**made, **told)
    return Made(place.logical, made)


def _key(place: Place, given: dict[str, Any]) -> Made:
    made = _gateway(place).create_api_key(**_tagged(given))
    return Made(made["id"], {"APIKeyId": made["id"]})


def _plan(place: Place, given: dict[str, Any]) -> Made:
    name = given.pop("UsagePlanName")
    made = _gateway(place).create_usage_plan(name=name, **_tagged(given))
    return Made(made["id"], {"Id": made["id"]})


def _plan_changed(place: Place, made: Made, given: dict[str, Any]) -> Made:
    limits = {
        "/throttle/rateLimit": given["Throttle"]["RateLimit"],
        "/throttle/burstLimit": given["Throttle"]["BurstLimit"],
        "/quota/limit": given["Quota"]["Limit"],
    }
    _gateway(place).update_usage_plan(
        usagePlanId=made.physical_resource_id,
        patchOperations=[
            {"op": "replace", "path": path, "value": str(value)}
            for path, value in limits.items()
        ],
    )
    return made


def _plan_key(place: Place, given: dict[str, Any]) -> Made:
    _gateway(place).create_usage_plan_key(**lower_first(given))
    made = {key: lower_first(given)[key] for key in ("usagePlanId", "keyId")}
    return Made(":".join(made.values()), made)


KINDS |= {
    "AWS::ApiGateway::RestApi": Called(
        _rest_api,
        lambda place, made: _gateway(place).delete_rest_api(
            restApiId=made.physical_resource_id
        ),
    ),
    "AWS::ApiGateway::Resource": Called(
        _resource,
        lambda place, made: _gateway(place).delete_resource(
            restApiId=made.attributes["api"], resourceId=made.physical_resource_id
        ),
    ),
    "AWS::ApiGateway::Method": Called(
        _method,
        lambda place, made: _gateway(place).delete_method(**made.attributes),
        lambda place, _, given: _method(place, given),
    ),
    "AWS::ApiGateway::Deployment": Called(
        _deployment,
        lambda place, made: _gateway(place).delete_deployment(
            restApiId=made.attributes["api"], deploymentId=made.physical_resource_id
        ),
    ),
    "AWS::ApiGateway::Stage": Called(
        _stage,
        lambda place, made: _gateway(place).delete_stage(**made.attributes),
        _stage_changed,
    ),
    "AWS::ApiGateway::Account": Called(
        _account,
        stays,  # one an account
        lambda place, _, given: _account(place, given),
    ),
    "AWS::ApiGateway::GatewayResponse": Called(
        _refusal,
        lambda place, made: _gateway(place).delete_gateway_response(**made.attributes),
        lambda place, _, given: _refusal(place, given),
    ),
    "AWS::ApiGateway::ApiKey": Called(
        _key,
        lambda place, made: _gateway(place).delete_api_key(
            apiKey=made.physical_resource_id
        ),
    ),
    "AWS::ApiGateway::UsagePlan": Called(
        _plan,
        lambda place, made: _gateway(place).delete_usage_plan(
            usagePlanId=made.physical_resource_id
        ),
        _plan_changed,
    ),
    "AWS::ApiGateway::UsagePlanKey": Called(
        _plan_key,
        lambda place, made: _gateway(place).delete_usage_plan_key(**made.attributes),
    ),
}
