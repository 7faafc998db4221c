"""The registry's bucket, with a policy that enforces what the registry relies on."""

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.maintenance import Maintenance
from hotseat_infra.stacks.registry_access import PREFIX, parameter_name
from hotseat_infra.stacks.registry_roles import ROLES, SIGNED_HEADS, add_roles

_CREATED_ONCE = (
    f"{PREFIX}/models/*/versions/*",
    f"{PREFIX}/models/*/ledger/*",
    f"{PREFIX}/models/*/signatures/*",
    f"{PREFIX}/models/*/signed/*",
)
_UPLOADED_ONCE = (f"{PREFIX}/blobs/*",)
_SWAPPED = (
    *(f"{PREFIX}/models/*/{name}.json" for name in ("head", "pending", "signed")),
    f"{PREFIX}/access.json",
)
_NEVER_DELETED = (
    *_CREATED_ONCE[:3],
    f"{PREFIX}/models/*/head.json",
    f"{PREFIX}/access.json",
)
_NONE_MATCH = {"s3:if-none-match": "true"}


class RegistryBucket(Construct):
    """A versioned, encrypted bucket; functions and the command use its `uri`.

    The bucket's policy denies everybody what the registry never does: a manifest, a
    ledger entry, a signature and a blob are created once (If-None-Match), a head is
    swapped (If-Match), and only the roles that collect garbage delete.
    """

    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(scope, name)
        policy = RemovalPolicy.RETAIN if stage.keep_registry else RemovalPolicy.DESTROY
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
        locked = stage.object_lock_days
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            object_lock_enabled=True if locked else None,
            object_lock_default_retention=(
                s3.ObjectLockRetention.governance(Duration.days(locked))
                if locked
                else None
            ),
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
        logical = Stack.of(self).get_logical_id(inner)
        self.uri = f"s3://{self.bucket.bucket_name}/{PREFIX}"
        self._deny_writes("CreateOnce", _CREATED_ONCE, {"Null": _NONE_MATCH})
        # the parts of a multipart upload have no condition; its completion has
        self._deny_writes(
            "UploadOnce",
            _UPLOADED_ONCE,
            {"Null": _NONE_MATCH, "Bool": {"s3:ObjectCreationOperation": "true"}},
        )
        self._deny_writes(
            "SwapOnly", _SWAPPED, {"Null": {**_NONE_MATCH, "s3:if-match": "true"}}
        )
        self.roles = add_roles(self, stage, self.bucket, self.key, logical)
        self._collectors = [self.roles["collector"].role_arn]
        if stage.maintenance:
            worker = Maintenance(
                self,
                "Maintenance",
                stage=stage,
                work=stage.maintenance,
                bucket=self.bucket,
                key=self.key,
                finding=f"<{logical}.Arn>",
            )
            if worker.collects:
                self._collectors.append(worker.role.role_arn)
        self._deny_deletes()
        self._publish_names(stage)

    def _deny_writes(
        self, sid: str, keys: tuple[str, ...], conditions: Mapping[str, object]
    ) -> None:
        """Deny every PutObject that meets these conditions."""
        self._deny(sid, "s3:PutObject", keys, conditions)

    def _deny_deletes(self) -> None:
        """Deny deletes to all but the roles whose work they are.

        A former version of an object can still be deleted by its id, which a restore
        needs; Object Lock denies that as well.
        """
        self._deny("KeepModels", "s3:DeleteObject", _NEVER_DELETED, {})
        for sid, keys in (
            ("KeepBlobs", ("blobs/*",)),
            ("KeepTombstones", ("garbage/*",)),
            ("KeepSigned", SIGNED_HEADS),
        ):
            allowed = [
                self.roles[name].role_arn
                for name, permissions in ROLES.items()
                if set(keys) <= set(permissions.deletes) and name != "collector"
            ]
            if set(keys) <= set(ROLES["collector"].deletes):
                allowed += self._collectors
            self._deny(
                sid,
                "s3:DeleteObject",
                tuple(f"{PREFIX}/{key}" for key in keys),
                {"ArnNotEquals": {"aws:PrincipalArn": allowed}},
            )

    def _deny(
        self,
        sid: str,
        action: str,
        keys: tuple[str, ...],
        conditions: Mapping[str, object],
    ) -> None:
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=[action],
                resources=[self.bucket.arn_for_objects(key) for key in keys],
                conditions=conditions or None,
            )
        )

    def _publish_names(self, stage: Stage) -> None:
        """Write the parameters that the service's stack reads."""
        for what, value in (
            ("bucket", self.bucket.bucket_name),
            ("key", self.key.key_arn),
        ):
            ssm.StringParameter(
                self,
                f"{what.title()}Name",
                parameter_name=parameter_name(stage.name, what),
                string_value=value,
            )
        # imported by services deployed before these parameters; CloudFormation refuses
        # to remove an export in use, so they stay for one release
        for value in (
            self.bucket.bucket_arn,
            self.bucket.bucket_name,
            self.key.key_arn,
        ):
            Stack.of(self).export_value(value)
