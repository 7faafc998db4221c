"""Resource types of KMS, S3, SSM, SNS, CloudWatch, CloudWatch Logs and Budgets."""

import json
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.s3.models import s3_backends

from local_cloud.moto_server.cloudformation import RESOURCE_TYPES, Target
from local_cloud.moto_server.resource_types import ApiType, Resource, api, keep


def _key(target: Target, properties: dict[str, Any]) -> Resource:
    kms = api(target, "kms")
    created = kms.create_key(
        Policy=json.dumps(properties["KeyPolicy"]),
        Description=properties.get("Description", ""),
        Tags=[
            {"TagKey": tag["Key"], "TagValue": tag["Value"]}
            for tag in properties.get("Tags", [])
        ],
    )["KeyMetadata"]
    if properties.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=created["KeyId"])
    return Resource(
        created["KeyId"], {"Arn": created["Arn"], "KeyId": created["KeyId"]}
    )


def _log_group(target: Target, properties: dict[str, Any]) -> Resource:
    logs, name = api(target, "logs"), properties.get("LogGroupName", target.name)
    logs.create_log_group(logGroupName=name)  # refused if it is there
    logs.put_retention_policy(
        logGroupName=name, retentionInDays=properties["RetentionInDays"]
    )
    arn = f"arn:aws:logs:{target.region}:{target.account}:log-group:{name}:*"
    return Resource(name, {"Arn": arn})


def _bucket(target: Target, properties: dict[str, Any]) -> Resource:
    name = properties.pop("BucketName", target.name)
    s3 = api(target, "s3")
    region = {"LocationConstraint": target.region}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    properties.pop("Tags", None)
    properties.pop("AccessControl", None)
    for setting, value in properties.items():
        _BUCKET[setting](s3, name, value)
    host = f"{name}.s3.{target.region}.amazonaws.com"
    return Resource(name, {"Arn": f"arn:aws:s3:::{name}", "RegionalDomainName": host})


def _logging(_s3: Any, name: str, properties: dict[str, Any]) -> None:
    """Set it directly: moto checks the other bucket's policy, which comes later."""
    s3_backends[ACCOUNT_ID]["aws"].get_bucket(name).logging = {
        "TargetBucket": properties["DestinationBucketName"],
        "TargetPrefix": properties["LogFilePrefix"],
    }


def _lifecycle(s3: Any, name: str, properties: dict[str, Any]) -> None:
    """Translate the rules, whose names differ between template and API."""
    rules = []
    for number, rule in enumerate(properties["Rules"]):
        created = {"ID": rule.pop("Id", f"rule-{number}"), "Filter": {"Prefix": ""}}
        if "ExpirationInDays" in rule:
            created["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
        rules.append({**created, **rule})
    s3.put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": rules}
    )


def _encryption(s3: Any, name: str, properties: dict[str, Any]) -> None:
    rules = properties["ServerSideEncryptionConfiguration"]
    for rule in rules:
        default = rule.pop("ServerSideEncryptionByDefault")
        rule["ApplyServerSideEncryptionByDefault"] = default
    s3.put_bucket_encryption(
        Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules}
    )


_BUCKET = {
    "BucketEncryption": _encryption,
    "LifecycleConfiguration": _lifecycle,
    "LoggingConfiguration": _logging,
    "PublicAccessBlockConfiguration": lambda s3, name, value: (
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=value)
    ),
    "VersioningConfiguration": lambda s3, name, value: s3.put_bucket_versioning(
        Bucket=name, VersioningConfiguration=value
    ),
}
"""The settings of a bucket; any other one is an error."""


def _bucket_policy(target: Target, properties: dict[str, Any]) -> Resource:
    api(target, "s3").put_bucket_policy(
        Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"])
    )
    return Resource(properties["Bucket"])


def _topic_policy(target: Target, properties: dict[str, Any]) -> Resource:
    for topic in properties["Topics"]:
        api(target, "sns").set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps(properties["PolicyDocument"]),
        )
    return Resource(target.name)


def _subscription(target: Target, properties: dict[str, Any]) -> Resource:
    created = api(target, "sns").subscribe(**properties, ReturnSubscriptionArn=True)
    return Resource(created["SubscriptionArn"])


def _alarm(target: Target, properties: dict[str, Any]) -> Resource:
    name = properties.setdefault("AlarmName", target.name)
    api(target, "cloudwatch").put_metric_alarm(**properties)
    arn = f"arn:aws:cloudwatch:{target.region}:{target.account}:alarm:{name}"
    return Resource(name, {"Arn": arn})


def _update_alarm(
    target: Target, created: Resource, properties: dict[str, Any]
) -> Resource:
    return _alarm(target, {**properties, "AlarmName": created.physical_resource_id})


def _parameter(target: Target, properties: dict[str, Any]) -> Resource:
    """Write a parameter; its tags are a mapping in a template, a list in the API."""
    name = properties.setdefault("Name", target.name)
    tags = properties.pop("Tags", {})
    ssm = api(target, "ssm")
    ssm.put_parameter(**properties, Overwrite=True)
    if tags:
        ssm.add_tags_to_resource(
            ResourceType="Parameter",
            ResourceId=name,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    return Resource(name, {"Type": properties["Type"], "Value": properties["Value"]})


def _budget(target: Target, properties: dict[str, Any]) -> Resource:
    limit = properties["Budget"]["BudgetLimit"]
    limit["Amount"] = str(limit["Amount"])
    properties.pop("ResourceTags", None)
    name = properties["Budget"].setdefault("BudgetName", target.name)
    api(target, "budgets").create_budget(AccountId=target.account, **properties)
    return Resource(name)


RESOURCE_TYPES |= {
    "AWS::SSM::Parameter": ApiType(
        _parameter,
        lambda target, created: api(target, "ssm").delete_parameter(
            Name=created.physical_resource_id
        ),
        lambda target, _, properties: _parameter(target, properties),
    ),
    "AWS::KMS::Key": ApiType(
        _key,
        lambda target, created: api(target, "kms").schedule_key_deletion(
            KeyId=created.physical_resource_id
        ),
    ),
    "AWS::Logs::LogGroup": ApiType(
        _log_group,
        lambda target, created: api(target, "logs").delete_log_group(
            logGroupName=created.physical_resource_id
        ),
    ),
    "AWS::S3::Bucket": ApiType(
        _bucket,
        lambda target, created: api(target, "s3").delete_bucket(
            Bucket=created.physical_resource_id
        ),
    ),
    "AWS::S3::BucketPolicy": ApiType(
        _bucket_policy,
        lambda target, created: api(target, "s3").delete_bucket_policy(
            Bucket=created.physical_resource_id
        ),
        lambda target, _, properties: _bucket_policy(target, properties),
    ),
    "AWS::SNS::TopicPolicy": ApiType(
        _topic_policy,
        keep,
        lambda target, _, properties: _topic_policy(target, properties),
    ),
    "AWS::SNS::Subscription": ApiType(
        _subscription,
        lambda target, created: api(target, "sns").unsubscribe(
            SubscriptionArn=created.physical_resource_id
        ),
    ),
    "AWS::CloudWatch::Alarm": ApiType(
        _alarm,
        lambda target, created: api(target, "cloudwatch").delete_alarms(
            AlarmNames=[created.physical_resource_id]
        ),
        _update_alarm,
    ),
    "AWS::Budgets::Budget": ApiType(
        _budget,
        lambda target, created: api(target, "budgets").delete_budget(
            AccountId=target.account, BudgetName=created.physical_resource_id
        ),
    ),
}
