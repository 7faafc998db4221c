"""The permissions of each role in the synthesized policies, and that they suffice."""

import json
from dataclasses import replace

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

from hotseat_infra.deployment import Access
from hotseat_infra.stacks.stage import application
from hotseat_registry import Reference, Registry
from hotseat_registry.errors import StoreError
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

READ = {"s3:GetObject": {"/hotseat/*"}, "s3:ListBucket": {""}, "kms:Decrypt": {""}}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def test_the_reader_reads_and_nothing_else(full):
    """It gets, lists and decrypts below one prefix of one bucket."""
    assert full.allowed("RegistryReader") == READ


def test_each_role_writes_and_deletes_what_its_work_needs(full):
    """No role both stores a version and moves an alias."""
    blobs, tombstones = "/hotseat/blobs/*", "/hotseat/garbage/*"
    versions = "/hotseat/models/*/versions/*"
    signatures = "/hotseat/models/*/signatures/*"
    signed = {
        "/hotseat/models/*/signed.json", "/hotseat/models/*/signed/*",
        "/hotseat/models/*/pending.json",
    }  # fmt: skip
    aliases = {"/hotseat/models/*/head.json", "/hotseat/models/*/ledger/*", *signed}
    keys = "/hotseat/access.json"
    for role, writes, deletes in (
        ("Publisher", {blobs, versions}, {tombstones}),
        ("Signer", {signatures}, set()),
        ("Approver", {*aliases, keys}, signed),
        ("Mover", {blobs, versions, signatures}, {tombstones}),
        ("Collector", {tombstones, *aliases}, {blobs, tombstones, *signed}),
    ):
        assert full.allowed(f"Registry{role}") == {
            **READ,
            "kms:GenerateDataKey": {""},
            "s3:PutObject": writes,
            **({"s3:DeleteObject": deletes} if deletes else {}),
        }, role


def test_who_may_assume_a_role_is_in_the_file(everything, synthesize, tmp_path):
    """The own account by default; others, a second factor and a CI's identity."""
    provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.example.com"
    access = {
        "publisher": Access(
            oidc_provider=provider, oidc_subjects=("repo:studio/models:*",)
        ),
        "approver": Access(("444455556666",), mfa=True),
    }
    stage = replace(everything, access=access)
    roles = {
        name.removeprefix("Registry")[:-8]: resource["Properties"][
            "AssumeRolePolicyDocument"
        ]["Statement"]
        for name, resource in synthesize(tmp_path, stage)
        .registry.find_resources("AWS::IAM::Role")
        .items()
    }
    (web,) = roles["Publisher"]
    assert web["Principal"] == {"Federated": provider}
    assert web["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert web["Condition"] == {
        "StringEquals": {"token.actions.example.com:aud": "sts.amazonaws.com"},
        "StringLike": {"token.actions.example.com:sub": ["repo:studio/models:*"]},
    }
    (person,) = roles["Approver"]
    assert "444455556666" in json.dumps(person["Principal"])
    assert person["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    (own,) = roles["Reader"]
    assert "AWS::AccountId" in json.dumps(own) or "111122223333" in json.dumps(own)


def test_a_function_reads_its_own_model_alone(full):
    """The default model's reads the stage's models; a static one needs no bucket."""
    churn = full.allowed("churnRole")
    assert churn["s3:GetObject"] == {"/hotseat/models/churn/*", "/hotseat/blobs/*"}
    assert full.allowed("sentimentRole")["s3:GetObject"] == {
        "/hotseat/blobs/*",
        *(f"/hotseat/models/{name}/*" for name in ("churn", "sentiment", "sokoban")),
    }
    limits = {"dynamodb:UpdateItem"}
    assert churn.keys() == READ.keys() | LOGS | TRACES | limits
    assert full.allowed("sokobanRole").keys() == LOGS | TRACES | limits
    listing = [
        statement["Condition"]
        for name, resource in full.service.find_resources("AWS::IAM::Policy").items()
        if name.startswith("churnRole")
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "s3:ListBucket"
    ]
    assert listing == [{"StringLike": {"s3:prefix": ["hotseat/models/churn/*"]}}]


def test_no_role_has_a_star(full, plain):
    """No action is a star; the only resource with a star is X-Ray's."""
    for synthesized in (full, plain):
        for action, resources in synthesized.allowed("").items():
            assert "*" not in action
            assert "*" not in resources or action in TRACES


def test_a_functions_permissions_are_enough(registry, publish, tmp_path):
    """It answers with a store that denies all but its own model and the blobs."""
    publish()
    registry.promote(Reference("mood", version=1), by="ada")

    def guard(operation, key):
        assert operation in {"read", "list", "download"}
        if not key.startswith(("models/mood/", "blobs/")):
            raise StoreError(f"AccessDenied: {key}")

    store = MemoryStore(before=guard)
    store.objects = registry.store.objects
    settings = Settings(
        cache=str(tmp_path / "cache"), default_model="mood", route="feelings"
    )
    router = Router(ModelCache(Registry(store), settings), settings)
    body = b'{"text": "good"}'
    for method, path, item in (
        ("POST", "/model-service", body),
        ("POST", "/v1/models/mood/predict", body),
        ("POST", "/v1/models/feelings/predict", body),
        ("POST", "/v1/models/feelings/versions/1/predict", body),
        ("POST", "/v1/models/mood/explain", body),
        ("GET", "/v1/models/feelings", b""),
        ("GET", "/v2/models/feelings", b""),
        ("GET", "/v2/models/mood/ready", b""),
        ("GET", "/v2/health/ready", b""),
    ):
        answer = router.answer(Request(method, path, item, {}, "r-1"))
        assert answer.status == 200, (path, answer.body)


def test_everything_speaks_tls_and_is_encrypted(full):
    """Buckets and the topic require TLS; custom domains require TLS 1.2."""
    for template, kind, count in (
        (full.registry, "AWS::S3::BucketPolicy", 2),
        (full.service, "AWS::SNS::TopicPolicy", 1),
    ):
        policies = template.find_resources(kind)
        assert len(policies) == count
        for policy in policies.values():
            text = json.dumps(policy["Properties"]["PolicyDocument"])
            assert '{"Bool": {"aws:SecureTransport": "false"}}' in text
            assert '"Deny"' in text
    full.service.has_resource_properties(
        "AWS::ApiGateway::DomainName", {"SecurityPolicy": "TLS_1_2"}
    )
    for key in full.registry.find_resources("AWS::KMS::Key").values():
        assert key["Properties"]["EnableKeyRotation"]


def test_only_this_api_may_call_a_function(full, plain):
    """Each permission names API Gateway and the ARN of one API's route."""
    for synthesized in (full, plain):
        for item in synthesized.service.find_resources(
            "AWS::Lambda::Permission"
        ).values():
            properties = item["Properties"]
            assert properties["Principal"] == "apigateway.amazonaws.com"
            assert "execute-api" in json.dumps(properties["SourceArn"])


def test_nothing_is_called_asynchronously(full, plain):
    """So no dead-letter queue is needed: every caller waits for its answer."""
    for synthesized in (full, plain):
        for kind in ("Lambda::EventSourceMapping", "Lambda::EventInvokeConfig",
                     "Scheduler::Schedule"):  # fmt: skip
            synthesized.service.resource_count_is(f"AWS::{kind}", 0)
        topics = synthesized.service.find_resources("AWS::SNS::Topic")
        rules = synthesized.service.find_resources("AWS::Events::Rule")
        for rule in rules.values():  # failed deployments: mails alone
            targets = rule["Properties"]["Targets"]
            assert {target["Arn"]["Ref"] for target in targets} <= set(topics)
        for topic in synthesized.service.find_resources(
            "AWS::SNS::Subscription"
        ).values():
            assert topic["Properties"]["Protocol"] == "email"
        for template in (synthesized.registry, synthesized.service):
            for bucket in template.find_resources("AWS::S3::Bucket").values():
                assert "NotificationConfiguration" not in bucket["Properties"]


def test_cdk_nag_would_find_a_careless_bucket(tmp_path):
    """The rules are active: a plain bucket stops the synthesis."""
    app = application(str(tmp_path))
    s3.Bucket(cdk.Stack(app, "Careless"), "Bucket")
    with pytest.raises(Exception, match="AwsSolutions-S1"):
        app.synth()


def test_an_existing_registry_is_read_below_its_prefix(
    everything, synthesize, tmp_path
):
    """A stage with an existing bucket has no registry stack, and may read it."""
    key = "arn:aws:kms:eu-west-1:111122223333:key/k-1"
    stage = replace(everything, registry="s3://ours/models", registry_key=key)
    synthesized = synthesize(tmp_path, stage)
    assert synthesized.registry is None
    churn = synthesized.allowed("churnRole")
    assert churn["s3:GetObject"] == {
        ":s3:::ours/models/models/churn/*", ":s3:::ours/models/blobs/*",
    }  # fmt: skip
    assert synthesized.allowed("sentimentRole")["s3:GetObject"] == {
        ":s3:::ours/models/blobs/*",
        *(f":s3:::ours/models/models/{name}/*" for name in everything.models),
    }
    assert churn["kms:Decrypt"] == {key}


def test_functions_decrypt_their_own_models_and_read_one_secret(
    everything, synthesize, tmp_path
):
    """Each grant names a key or a secret, and the models that it is for."""
    keys = tuple(f"arn:aws:kms:eu-west-1:111122223333:key/{n}" for n in "ab")
    secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:players-AbCdEf"
    stage = replace(
        everything,
        encryption_keys=keys,
        player_secret=secret,
        player_secret_key=f"{keys[0]}c",
    )
    synthesized = synthesize(tmp_path, stage)
    churn = _statements(synthesized.service, "churnRole", set(keys))
    assert churn == [
        (
            "kms:Decrypt",
            {"StringEquals": {"kms:EncryptionContext:hotseat:model": ["churn"]}},
        )
    ]
    # a static function has its version in the image, and needs the key as well
    assert _statements(synthesized.service, "sokobanRole", set(keys))
    assert _statements(synthesized.service, "churnRole", {secret}) == [
        ("secretsmanager:GetSecretValue", None)
    ]
    ((action, conditions),) = _statements(
        synthesized.service, "churnRole", {f"{keys[0]}c"}
    )
    assert action == "kms:Decrypt"
    assert conditions["StringEquals"]["kms:EncryptionContext:SecretARN"] == secret
    ((action, conditions),) = _statements(
        synthesized.registry, "RegistryPublisher", set(keys)
    )
    assert action == "kms:GenerateDataKey"
    assert conditions == {"Null": {"kms:EncryptionContext:hotseat:model": "false"}}
    for role in ("RegistrySigner", "RegistryApprover", "RegistryMover"):
        assert not _statements(synthesized.registry, role, set(keys))
    for function in synthesized.service.find_resources(
        "AWS::Lambda::Function"
    ).values():
        variables = function["Properties"].get("Environment", {}).get("Variables", {})
        if "HOTSEAT_DEFAULT_MODEL" in variables:
            assert variables["HOTSEAT_DECRYPT_KEYS"] == ",".join(keys)
            assert variables["HOTSEAT_PLAYER_SECRET"] == secret


def test_without_keys_and_secret_nothing_is_granted(full):
    """Functions may then read no secret, and decrypt with the bucket's key alone."""
    text = json.dumps(full.service.to_json())
    assert "secretsmanager" not in text
    assert "kms:EncryptionContext" not in text


def test_buckets_have_a_key_and_take_tls_alone(full):
    """Beside client-side encryption, what lies in the bucket has the bucket's key."""
    buckets = full.registry.find_resources("AWS::S3::Bucket")
    (versions,) = (b for name, b in buckets.items() if "AccessLogs" not in name)
    (rule,) = versions["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    (key,) = full.registry.find_resources("AWS::KMS::Key").values()
    assert key["Properties"]["EnableKeyRotation"] is True
    policies = full.registry.find_resources("AWS::S3::BucketPolicy").values()
    assert len(policies) == len(buckets)
    for policy in policies:
        assert [
            s
            for s in policy["Properties"]["PolicyDocument"]["Statement"]
            if s["Effect"] == "Deny"
            and s["Action"] == "s3:*"
            and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        ]


def _statements(template, start, resources):
    """Return action and condition of each statement about exactly these resources."""
    found = []
    for name, resource in template.to_json()["Resources"].items():
        if resource["Type"] != "AWS::IAM::Policy" or not name.startswith(start):
            continue
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            named = statement["Resource"]
            named = [named] if isinstance(named, str) else named
            if isinstance(named, list) and set(map(str, named)) == resources:
                condition = statement.get("Condition")
                if condition and "StringEquals" in condition:
                    equals = {
                        key: value if isinstance(value, list) or "model" not in key
                        else [value]
                        for key, value in condition["StringEquals"].items()
                    }  # fmt: skip
                    condition = {"StringEquals": equals}
                found.append((statement["Action"], condition))
    return found
