"""Resource types of what is kept, watched and told, by calls as in `kinds`."""

import json
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.s3.models import s3_backends

from local_cloud.moto_server.cloudformation import KINDS, Place
from local_cloud.moto_server.resource_types import Called, Made, api, stays


def _key(place: Place, given: dict[str, Any]) -> Made:
    kms = api(place, "kms")
    made = kms.create_key(
        Policy=json.dumps(given["KeyPolicy"]),
        Description=given.get("Description", ""),
        Tags=[
            {"TagKey": tag["Key"], "TagValue": tag["Value"]}
            for tag in given.get("Tags", [])
        ],
    )["KeyMetadata"]
    if given.get("EnableKeyRotation"):
        kms.enable_key_rotation(KeyId=made["KeyId"])
    return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def _log_group(place: Place, given: dict[str, Any]) -> Made:
    logs = api(place, "logs")
    logs.create_log_group(logGroupName=place.name)
    logs.put_retention_policy(
        logGroupName=place.name, retentionInDays=given["RetentionInDays"]
    )
    arn = f"arn:aws:logs:{place.region}:{place.account}:log-group:{place.name}:*"
    return Made(place.name, {"Arn": arn})


def _bucket(place: Place, given: dict[str, Any]) -> Made:
    name = given.pop("BucketName", place.name)
    s3 = api(place, "s3")
    region = {"LocationConstraint": place.region}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    given.pop("Tags", None)
    given.pop("AccessControl", None)
    for setting, value in given.items():
        _BUCKET[setting](s3, name, value)
    host = f"{name}.s3.{place.region}.amazonaws.com"
    return Made(name, {"Arn": f"arn:aws:s3:::{name}", "RegionalDomainName": host})


def _logging(_s3: Any, name: str, given: dict[str, Any]) -> None:
    """Write it down: moto asks for the other bucket's policy, which comes later."""
    s3_backends[ACCOUNT_ID]["aws"].get_bucket(name).logging = {
        "TargetBucket": given["DestinationBucketName"],
        "TargetPrefix": given["LogFilePrefix"],
    }


def _lifecycle(s3: Any, name: str, given: dict[str, Any]) -> None:
    """Translate the rules, whose names differ between template and API."""
    rules = []
    for number, rule in enumerate(given["Rules"]):
        made = {"ID": rule.pop("Id", f"rule-{number}"), "Filter": {"Prefix": ""}}
        if "ExpirationInDays" in rule:
            made["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
        rules.append({**made, **rule})
    s3.put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": rules}
    )


def _encryption(s3: Any, name: str, given: dict[str, Any]) -> None:
    rules = given["ServerSideEncryptionConfiguration"]
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
"""What a bucket may be given; a setting that is not here is an error."""


def _bucket_policy(place: Place, given: dict[str, Any]) -> Made:
    api(place, "s3").put_bucket_policy(
        Bucket=given["Bucket"], Policy=json.dumps(given["PolicyDocument"])
    )
    return Made(given["Bucket"])


def _topic_policy(place: Place, given: dict[str, Any]) -> Made:
    for topic in given["Topics"]:
        api(place, "sns").set_topic_attributes(
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=json.dumps(given["PolicyDocument"]),
        )
    return Made(place.name)


def _subscription(place: Place, given: dict[str, Any]) -> Made:
    made = api(place, "sns").subscribe(**given, ReturnSubscriptionArn=True)
    return Made(made["SubscriptionArn"])


def _alarm(place: Place, given: dict[str, Any]) -> Made:
    name = given.setdefault("AlarmName", place.name)
    api(place, "cloudwatch").put_metric_alarm(**given)
    arn = f"arn:aws:cloudwatch:{place.region}:{place.account}:alarm:{name}"
    return Made(name, {"Arn": arn})


def _alarm_changed(place: Place, made: Made, given: dict[str, Any]) -> Made:
    return _alarm(place, {**given, "AlarmName": made.physical_resource_id})


def _budget(place: Place, given: dict[str, Any]) -> Made:
    limit = given["Budget"]["BudgetLimit"]
    limit["Amount"] = str(limit["Amount"])
    given.pop("ResourceTags", None)
    api(place, "budgets").create_budget(AccountId=place.account, **given)
    return Made(given["Budget"]["BudgetName"])


KINDS |= {
    "AWS::KMS::Key": Called(
        _key,
        lambda place, made: api(place, "kms").schedule_key_deletion(
            KeyId=made.physical_resource_id
        ),
    ),
    "AWS::Logs::LogGroup": Called(
        _log_group,
        lambda place, made: api(place, "logs").delete_log_group(
            logGroupName=made.physical_resource_id
        ),
    ),
    "AWS::S3::Bucket": Called(
        _bucket,
        lambda place, made: api(place, "s3").delete_bucket(
            Bucket=made.physical_resource_id
        ),
    ),
    "AWS::S3::BucketPolicy": Called(
        _bucket_policy,
        lambda place, made: api(place, "s3").delete_bucket_policy(
            Bucket=made.physical_resource_id
        ),
        lambda place, _, given: _bucket_policy(place, given),
    ),
    "AWS::SNS::TopicPolicy": Called(
        _topic_policy,
        stays,
        lambda place, _, given: _topic_policy(place, given),
    ),
    "AWS::SNS::Subscription": Called(
        _subscription,
        lambda place, made: api(place, "sns").unsubscribe(
            SubscriptionArn=made.physical_resource_id
        ),
    ),
    "AWS::CloudWatch::Alarm": Called(
        _alarm,
        lambda place, made: api(place, "cloudwatch").delete_alarms(
            AlarmNames=[made.physical_resource_id]
        ),
        _alarm_changed,
    ),
    "AWS::Budgets::Budget": Called(
        _budget,
        lambda place, made: api(place, "budgets").delete_budget(
            AccountId=place.account, BudgetName=made.physical_resource_id
        ),
    ),
}
