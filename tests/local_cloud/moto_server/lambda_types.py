"""Lambda's and CodeDeploy's resource types, by calls as in `kinds`."""

from typing import Any

from moto.awslambda.models import lambda_backends
from moto.cloudformation.exceptions import ValidationError
from moto.codedeploy.models import codedeploy_backends

from local_cloud.moto_server.cloudformation import KINDS, Place
from local_cloud.moto_server.resource_types import Called, Made, api, lower_first

UNRESERVED = 900
"""Of an account's 1,000 concurrent executions, what functions may reserve (AWS Lambda,
"Configuring reserved concurrency")."""


def _function(place: Place, given: dict[str, Any]) -> Made:
    name = f"{place.stack}-{place.logical}"[:50] + place.name[-13:]
    given["Tags"] = {tag["Key"]: tag["Value"] for tag in given.pop("Tags", [])}
    reserved = given.pop("ReservedConcurrentExecutions", None)
    _reserve(place, name, reserved)
    made = api(place, "lambda").create_function(FunctionName=name, **given)
    if reserved is not None:
        api(place, "lambda").put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=reserved
        )
    return Made(name, {"Arn": made["FunctionArn"]})


def _function_changed(place: Place, made: Made, given: dict[str, Any]) -> Made:
    name, lambda_ = made.physical_resource_id, api(place, "lambda")
    given.pop("Tags", None)
    code = given.pop("Code")
    for fixed in ("PackageType", "Architectures"):  # go with the code
        given.pop(fixed, None)
    reserved = given.pop("ReservedConcurrentExecutions", None)
    lambda_.update_function_configuration(FunctionName=name, **given)
    lambda_.update_function_code(FunctionName=name, **code)
    _reserve(place, name, reserved)
    if reserved is None:
        lambda_.delete_function_concurrency(FunctionName=name)
    else:
        lambda_.put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=reserved
        )
    return made


def _reserve(place: Place, name: str, wanted: int | None) -> None:
    """Refuse to reserve what the account does not have, as Lambda does."""
    others = lambda_backends[place.account][place.region].list_functions()
    taken = sum(f.reserved_concurrency or 0 for f in others if f.function_name != name)
    if taken + (wanted or 0) > UNRESERVED:
        raise ValidationError(
            message="Specified ReservedConcurrentExecutions for function decreases "
            "account's UnreservedConcurrentExecution below its minimum value of [100]."
        )


_published: dict[str, int] = {}


def _version(place: Place, given: dict[str, Any]) -> Made:
    """Publish; moto counts what is left, Lambda counts on."""
    name = given["FunctionName"]
    lambda_ = api(place, "lambda")
    there = lambda_.list_versions_by_function(FunctionName=name)["Versions"]
    made = lambda_.publish_version(**given)
    versions = lambda_backends[place.account][place.region]._lambdas._functions[name]
    if len(versions["versions"]) == len(there) - 1:  # $LATEST is listed as well
        raise ValidationError(
            message="A version for this Lambda function exists ( "
            f"{made['Version']} ). Modify the function to create a new version."
        )
    number = _published[name] = _published.get(name, 0) + 1
    versions["versions"][-1].set_version(number)
    return Made(f"{made['FunctionArn'].rpartition(':')[0]}:{number}",
                {"Version": str(number)})  # fmt: skip


def _version_dropped(place: Place, made: Made) -> None:
    name, _, number = made.physical_resource_id.rpartition(":")
    api(place, "lambda").delete_function(
        FunctionName=name.rpartition(":")[2], Qualifier=number
    )


def _alias(place: Place, given: dict[str, Any]) -> Made:
    made = api(place, "lambda").create_alias(**given)
    return Made(made["AliasArn"])


def _alias_changed(place: Place, made: Made, given: dict[str, Any]) -> Made:
    api(place, "lambda").update_alias(**given)  # at once: no CodeDeploy shifts it
    return made


def _alias_dropped(place: Place, made: Made) -> None:
    name, _, alias = made.physical_resource_id.rpartition(":")
    api(place, "lambda").delete_alias(FunctionName=name.rpartition(":")[2], Name=alias)


def _statements(place: Place, arn: str) -> list[dict[str, Any]]:
    name = arn.rsplit(":function:", maxsplit=1)[-1].split(":", maxsplit=1)[0]
    found = lambda_backends[place.account][place.region].get_function(name)
    listed: list[dict[str, Any]] = found.policy.statements
    return listed


def _permission(place: Place, given: dict[str, Any]) -> Made:
    _statements(place, given["FunctionName"]).append(
        {
            "Sid": place.logical,
            "Effect": "Allow",
            "Principal": {"Service": given["Principal"]},
            "Action": given["Action"],
            "Resource": given["FunctionName"],
            "Condition": {"ArnLike": {"AWS:SourceArn": given["SourceArn"]}},
        }
    )
    return Made(place.logical, {"function": given["FunctionName"]})


def _permission_dropped(place: Place, made: Made) -> None:
    statements = _statements(place, made.attributes["function"])
    statements[:] = [s for s in statements if s["Sid"] != made.physical_resource_id]


def _application(place: Place, given: dict[str, Any]) -> Made:
    api(place, "codedeploy").create_application(
        applicationName=place.name,
        computePlatform=given["ComputePlatform"],
        tags=given.get("Tags", []),
    )
    return Made(place.name)


def _deployment_group(place: Place, given: dict[str, Any]) -> Made:
    api(place, "codedeploy").create_deployment_group(
        deploymentGroupName=place.name, **lower_first(given)
    )
    return Made(place.name, {"application": given["ApplicationName"]})


def _deployment_group_dropped(place: Place, made: Made) -> None:
    groups = codedeploy_backends[place.account][place.region].deployment_groups
    groups[made.attributes["application"]].pop(made.physical_resource_id)


KINDS |= {
    "AWS::Lambda::Function": Called(
        _function,
        lambda place, made: api(place, "lambda").delete_function(
            FunctionName=made.physical_resource_id
        ),
        _function_changed,
    ),
    "AWS::Lambda::Version": Called(_version, _version_dropped),
    "AWS::Lambda::Alias": Called(_alias, _alias_dropped, _alias_changed),
    "AWS::Lambda::Permission": Called(_permission, _permission_dropped),
    "AWS::CodeDeploy::Application": Called(
        _application,
        lambda place, made: codedeploy_backends[place.account][
            place.region
        ].applications.pop(made.physical_resource_id),
    ),
    "AWS::CodeDeploy::DeploymentGroup": Called(
        _deployment_group, _deployment_group_dropped
    ),
}
