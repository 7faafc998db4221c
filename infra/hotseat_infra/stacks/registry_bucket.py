"""The registry's bucket and its roles: publisher, operator, reader."""

from collections.abc import Sequence

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hotseat_infra.stacks.nag import acknowledge

PREFIX = "hotseat"
_CREATED_ONCE = (
    f"{PREFIX}/models/*/versions/*",
    f"{PREFIX}/models/*/ledger/*",
    f"{PREFIX}/models/*/signed/*",
)
_OBJECTS = "there are many objects: the wildcard is limited to a prefix of one bucket"
_SWAPPED = (
    *(f"{PREFIX}/models/*/{name}.json" for name in ("head", "pending", "signed")),
    f"{PREFIX}/access.json",
)


class RegistryBucket(Construct):
    """A versioned, encrypted bucket; functions and the command use its `uri`.

    The bucket's policy enforces what the registry relies on: a manifest and a ledger
    entry are created once (If-None-Match), a head is swapped (If-Match).
    """

    def __init__(self, scope: Construct, name: str, *, keep: bool) -> None:
        super().__init__(scope, name)
        policy = RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY
        self.key = kms.Key(
            self,
            "Key",
            enable_key_rotation=True,
            removal_policy=policy,
            description="Hotseat: versions at rest",
        )
        self.logs = s3.Bucket(
            self,
            "AccessLogs",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(90))],
            removal_policy=policy,
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix="registry/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(90),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=policy,
        )
        inner = self.bucket.node.default_child
        assert isinstance(inner, s3.CfnBucket)
        self._logical = Stack.of(self).get_logical_id(inner)
        self.uri = f"s3://{self.bucket.bucket_name}/{PREFIX}"
        self._require_conditions(
            "CreateOnce", _CREATED_ONCE, {"s3:if-none-match": "true"}
        )
        self._require_conditions(
            "SwapOnly", _SWAPPED, {"s3:if-none-match": "true", "s3:if-match": "true"}
        )
        self.publisher = self._role("Publisher", "publishes versions")
        self.operator = self._role(
            "Operator", "moves aliases, signs and collects garbage"
        )
        self.reader = self._role("Reader", "reads and downloads")
        self.grant_read(self.reader)
        for role in (self.publisher, self.operator):
            self.grant_read(role)
            self.key.grant(role, "kms:GenerateDataKey")
        self._allow(self.publisher, ["s3:PutObject"], "blobs/*", "models/*/versions/*")
        self._allow(
            self.operator,
            ["s3:PutObject"],
            "blobs/*",
            "garbage/*",
            "models/*/head.json",
            "models/*/ledger/*",
            "models/*/signatures/*",
            "models/*/signed.json",
            "models/*/signed/*",
            "models/*/pending.json",
            "access.json",
        )
        self._allow(
            self.operator,
            ["s3:DeleteObject"],
            "blobs/*",
            "garbage/*",
            "models/*/signed.json",
            "models/*/signed/*",
            "models/*/pending.json",
        )

    def grant_read(self, role: iam.Role, *models: str) -> None:
        """Let a role list and get the objects of these models, or of all models."""
        own_stack, role_stack = Stack.of(self), Stack.of(role)
        arn = self.bucket.bucket_arn
        finding = f"<{self._logical}.Arn>"
        # exported explicitly, so that the name of the finding is known
        if role_stack is not own_stack:
            arn = own_stack.export_value(arn)
            finding = role_stack.resolve(arn)["Fn::ImportValue"]
        _allow_reading(role, arn, finding, PREFIX, models)
        self.key.grant(role, "kms:Decrypt")

    def grant_read_keys(self, role: iam.Role) -> None:
        """Let a role get the keys of player tokens, and nothing else."""
        own_stack, role_stack = Stack.of(self), Stack.of(role)
        arn = self.bucket.bucket_arn
        if role_stack is not own_stack:
            arn = own_stack.export_value(arn)
        _allow_keys(role, f"{arn}/{PREFIX}")
        self.key.grant(role, "kms:Decrypt")

    def _allow(self, role: iam.Role, actions: list[str], *keys: str) -> None:
        for key in keys:
            acknowledge(
                role, f"IAM5[Resource::<{self._logical}.Arn>/{PREFIX}/{key}]", _OBJECTS
            )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=actions,
                resources=[self.bucket.arn_for_objects(f"{PREFIX}/{k}") for k in keys],
            )
        )

    def _role(self, name: str, purpose: str) -> iam.Role:
        return iam.Role(
            self,
            name,
            assumed_by=iam.AccountRootPrincipal(),
            description=f"Hotseat: {purpose}",
        )

    def _require_conditions(
        self, sid: str, keys: tuple[str, ...], conditions: dict[str, str]
    ) -> None:
        """Deny a PutObject that has none of these conditions."""
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(key) for key in keys],
                conditions={"Null": conditions},
            )
        )


def grant_read(role: iam.Role, uri: str, *models: str, key: str) -> None:
    """Let a role read an existing registry, by its ``s3://`` address.

    `key` is the ARN of the bucket's KMS key; empty if it has none.
    """
    if key:
        role.add_to_policy(
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key])
        )
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    arn = f"arn:{Aws.PARTITION}:s3:::{bucket}"
    finding = f"arn:<AWS::Partition>:s3:::{bucket}"
    _allow_reading(role, arn, finding, prefix.strip("/"), models)


def grant_read_keys(role: iam.Role, uri: str, *, key: str) -> None:
    """Let a role get the keys of player tokens in an existing registry."""
    if key:
        role.add_to_policy(
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key])
        )
    place = uri.removeprefix("s3://").rstrip("/")
    _allow_keys(role, f"arn:{Aws.PARTITION}:s3:::{place}")


def _allow_keys(role: iam.Role, place: str) -> None:
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[f"{place}/access.json"]
        )
    )


def _allow_reading(
    role: iam.Role, arn: str, finding: str, prefix: str, models: Sequence[str]
) -> None:
    """Allow reading below a prefix: all of it, or some models and the blobs.

    Blobs are named by their digest and shared by versions, so they belong to no model.
    """
    start = f"{prefix}/" if prefix else ""
    own = [f"{start}models/{model}/*" for model in models]
    keys = [*own, f"{start}blobs/*"] if models else [f"{start}*"]
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[f"{arn}/{key}" for key in keys]
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[arn],
            conditions={"StringLike": {"s3:prefix": own or keys}},
        )
    )
    for key in keys:
        acknowledge(role, f"IAM5[Resource::{finding}/{key}]", _OBJECTS)
