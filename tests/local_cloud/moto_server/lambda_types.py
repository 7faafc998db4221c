"""Lambda's and CodeDeploy's resource types."""

from typing import Any

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.cloudformation.exceptions import ValidationError
from moto.codedeploy.models import codedeploy_backends

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target
from local_cloud.moto_server.resource_types import ApiType, Resource, api, lower_first

RESERVABLE = 900
"""How many of an account's 1,000 concurrent executions functions may reserve (AWS
Lambda, "Configuring reserved concurrency")."""


_configuration = LambdaFunction.get_configuration


def _get_configuration(self: LambdaFunction, *args: Any, **options: Any) -> Any:
    """Return the configuration with its log group, which moto does not keep."""
    group = getattr(self, "log_group", f"/aws/lambda/{self.function_name}")
    return {
        **_configuration(self, *args, **options),
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": group},
    }


LambdaFunction.get_configuration = _get_configuration


def _set_log_group(target: Target, name: str, properties: dict[str, Any]) -> None:
    group = properties.get("LoggingConfig", {}).get("LogGroup")
    function = lambda_backends[target.account][target.region].get_function(name)
    if group:
        function.log_group = group


def _function(target: Target, properties: dict[str, Any]) -> Resource:
    name = f"{target.stack}-{target.logical}"[:50] + target.name[-13:]
    properties["Tags"] = {
        tag["Key"]: tag["Value"] for tag in properties.pop("Tags", [])
    }
    reserved = properties.pop("ReservedConcurrentExecutions", None)
    _reserve(target, name, reserved)
    created = api(target, "lambda").create_function(FunctionName=name, **properties)
    _set_log_group(target, name, properties)
    if reserved is not None:
        api(target, "lambda").put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=reserved
        )
    return Resource(name, {"Arn": created["FunctionArn"]})


def _update_function(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    name, lambda_ = created.physical_resource_id, api(target, "lambda")
    properties.pop("Tags", None)
    code = properties.pop("Code")
    for fixed in ("PackageType", "Architectures"):  # they are part of the code
        properties.pop(fixed, None)
    reserved = properties.pop("ReservedConcurrentExecutions", None)
    lambda_.update_function_configuration(FunctionName=name, **properties)
    _set_log_group(target, name, properties)
    lambda_.update_function_code(FunctionName=name, **code)
    _reserve(target, name, reserved)
    if reserved is None:
        lambda_.delete_function_concurrency(FunctionName=name)
    else:
        lambda_.put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=reserved
        )
    return created


def _reserve(target: Target, name: str, wanted: int | None) -> None:
    """Raise Lambda's error if the account has too few executions left."""
    others = lambda_backends[target.account][target.region].list_functions()
    taken = sum(f.reserved_concurrency or 0 for f in others if f.function_name != name)
    if taken + (wanted or 0) > RESERVABLE:
        raise ValidationError(
            message="Specified ReservedConcurrentExecutions for function decreases "
            "account's UnreservedConcurrentExecution below its minimum value of [100]."
        )


_published: dict[str, int] = {}


def _version(target: Target, properties: dict[str, Any]) -> Resource:
    """Publish; Lambda never uses a number twice, moto does."""
    name = properties["FunctionName"]
    lambda_ = api(target, "lambda")
    listed = lambda_.list_versions_by_function(FunctionName=name)["Versions"]
    created = lambda_.publish_version(**properties)
    versions = lambda_backends[target.account][target.region]._lambdas._functions[name]
    if len(versions["versions"]) == len(listed) - 1:  # $LATEST is listed as well
        raise ValidationError(
            message="A version for this Lambda function exists ( "
            f"{created['Version']} ). Modify the function to create a new version."
        )
    number = _published[name] = _published.get(name, 0) + 1
    versions["versions"][-1].set_version(number)
    return Resource(f"{created['FunctionArn'].rpartition(':')[0]}:{number}",
                {"Version": str(number)})  # fmt: skip


def _delete_version(target: Target, created: Resource) -> None:
    name, _, number = created.physical_resource_id.rpartition(":")
    api(target, "lambda").delete_function(
        FunctionName=name.rpartition(":")[2], Qualifier=number
    )


def _alias(target: Target, properties: dict[str, Any]) -> Resource:
    # moto keeps no provisioned concurrency: no environment is kept warm
    properties.pop("ProvisionedConcurrencyConfig", None)
    created = api(target, "lambda").create_alias(**properties)
    return Resource(created["AliasArn"])


def _update_alias(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    properties.pop("ProvisionedConcurrencyConfig", None)
    api(target, "lambda").update_alias(
        **properties
    )  # at once: no CodeDeploy shifts the traffic
    return created


def _delete_alias(target: Target, created: Resource) -> None:
    name, _, alias = created.physical_resource_id.rpartition(":")
    api(target, "lambda").delete_alias(FunctionName=name.rpartition(":")[2], Name=alias)


def _statements(target: Target, arn: str) -> list[dict[str, Any]]:
    name = arn.rsplit(":function:", maxsplit=1)[-1].split(":", maxsplit=1)[0]
    function = lambda_backends[target.account][target.region].get_function(name)
    listed: list[dict[str, Any]] = function.policy.statements
    return listed


def _permission(target: Target, properties: dict[str, Any]) -> Resource:
    _statements(target, properties["FunctionName"]).append(
        {
            "Sid": target.logical,
            "Effect": "Allow",
            "Principal": {"Service": properties["Principal"]},
            "Action": properties["Action"],
            "Resource": properties["FunctionName"],
            "Condition": {"ArnLike": {"AWS:SourceArn": properties["SourceArn"]}},
        }
    )
    return Resource(target.logical, {"function": properties["FunctionName"]})


def _delete_permission(target: Target, created: Resource) -> None:
    statements = _statements(target, created.attributes["function"])
    statements[:] = [s for s in statements if s["Sid"] != created.physical_resource_id]


def _application(target: Target, properties: dict[str, Any]) -> Resource:
    api(target, "codedeploy").create_application(
        applicationName=target.name,
        computePlatform=properties["ComputePlatform"],
        tags=properties.get("Tags", []),
    )
    return Resource(target.name)


def _deployment_group(target: Target, properties: dict[str, Any]) -> Resource:
    api(target, "codedeploy").create_deployment_group(
        deploymentGroupName=target.name, **lower_first(properties)
    )
    return Resource(target.name, {"application": properties["ApplicationName"]})


def _delete_deployment_group(target: Target, created: Resource) -> None:
    groups = codedeploy_backends[target.account][target.region].deployment_groups
    groups[created.attributes["application"]].pop(created.physical_resource_id)


RESOURCE_TYPES |= {
    "AWS::Lambda::Function": ApiType(
        _function,
        lambda target, created: api(target, "lambda").delete_function(
            FunctionName=created.physical_resource_id
        ),
        _update_function,
    ),
    "AWS::Lambda::Version": ApiType(_version, _delete_version),
    "AWS::Lambda::Alias": ApiType(_alias, _delete_alias, _update_alias),
    "AWS::Lambda::Permission": ApiType(_permission, _delete_permission),
    "AWS::CodeDeploy::Application": ApiType(
        _application,
        lambda target, created: codedeploy_backends[target.account][
            target.region
        ].applications.pop(created.physical_resource_id),
    ),
    "AWS::CodeDeploy::DeploymentGroup": ApiType(
        _deployment_group, _delete_deployment_group
    ),
}
