"""Who may read a registry's bucket, by its ``s3://`` address.

The service's stack knows the stage's own registry by two parameters of the Parameter
Store, whose names are known beforehand. It imports no export of the registry's stack:
CloudFormation refuses to remove an export that is in use, so that a change from dynamic
to static could not be deployed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aws_cdk import Aws, CfnParameter, Names
from aws_cdk import aws_iam as iam
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.stacks.nag import acknowledge

PREFIX = "hotseat"
_MODELS_A_STATEMENT = 30
"""CDK moves whole statements out of a full policy, into policies of 6,144 bytes."""
OBJECTS = "there are many objects: the wildcard is limited to a prefix of one bucket"


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry as a function reads it."""

    uri: str
    """``s3://bucket/prefix``; the bucket may be a token."""
    key: str
    """ARN of the bucket's KMS key; empty if it has none."""
    finding: str
    """The bucket's ARN as cdk-nag writes it."""
    nested_finding: str = ""
    """The same in a nested stack, which gets the bucket's name as a parameter."""

    def in_nested_stack(self) -> "Registry":
        """Return the registry as the functions of a nested stack read it."""
        return replace(self, finding=self.nested_finding or self.finding)


def parameter_name(stage: str, what: str) -> str:
    """Return the name of a registry's parameter: its ``bucket`` or its ``key``."""
    return f"/hotseat/{stage}/registry/{what}"


def registry_of(scope: Construct, stage: Stage) -> Registry:
    """Return the registry that a stage's dynamic functions read."""
    if stage.registry:
        bucket = stage.registry.removeprefix("s3://").partition("/")[0]
        finding = f"arn:<AWS::Partition>:s3:::{bucket}"
        return Registry(stage.registry, stage.registry_key, finding)
    bucket_name, key_arn = (
        CfnParameter(
            scope,
            f"Registry{what.title()}",
            type="AWS::SSM::Parameter::Value<String>",
            default=parameter_name(stage.name, what),
            description=f"the {what} of the stage's registry",
        )
        for what in ("bucket", "key")
    )
    return Registry(
        f"s3://{bucket_name.value_as_string}/{PREFIX}",
        key_arn.value_as_string,
        "arn:<AWS::Partition>:s3:::<RegistryBucket>",
        f"arn:<AWS::Partition>:s3:::<referenceto{_reference(bucket_name)}>",
    )


def _reference(parameter: CfnParameter) -> str:
    """Return the name of a nested stack's parameter that holds another one's value."""
    return f"{Names.node_unique_id(parameter.node)}Ref"


def grant_read(role: iam.Role, registry: Registry, *models: str) -> None:
    """Let a role read these models of a registry, or all of it."""
    if registry.key:
        role.add_to_policy(
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[registry.key])
        )
    bucket, _, prefix = registry.uri.removeprefix("s3://").partition("/")
    arn = f"arn:{Aws.PARTITION}:s3:::{bucket}"
    allow_reading(role, arn, registry.finding, prefix.strip("/"), models)


def grant_read_keys(role: iam.Role, registry: Registry) -> None:
    """Let a role get the keys of player tokens, and nothing else."""
    if registry.key:
        role.add_to_policy(
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[registry.key])
        )
    place = registry.uri.removeprefix("s3://").rstrip("/")
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject"],
            resources=[f"arn:{Aws.PARTITION}:s3:::{place}/access.json"],
        )
    )


def allow_reading(
    role: iam.Role, arn: str, finding: str, prefix: str, models: Sequence[str] = ()
) -> None:
    """Allow reading below a prefix: all of it, or some models and the blobs.

    Blobs are named by their digest and shared by versions, so they belong to no model.
    """
    start = f"{prefix}/" if prefix else ""
    own = [f"{start}models/{model}/*" for model in models]
    keys = [*own, f"{start}blobs/*"] if models else [f"{start}*"]
    for first in range(0, len(keys), _MODELS_A_STATEMENT):
        part = keys[first : first + _MODELS_A_STATEMENT]
        role.add_to_policy(
            iam.PolicyStatement(
                # statements with a name are not merged again
                sid=f"Models{first}" if first else None,
                actions=["s3:GetObject"],
                resources=[f"{arn}/{key}" for key in part],
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
        acknowledge(role, f"IAM5[Resource::{finding}/{key}]", OBJECTS)
