"""The roles of a registry, each with what its work needs and nothing else.

A version goes live through three of them: the publisher stores it, the signer signs it,
the approver moves the alias. So no single role replaces a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from hotseat_infra.deployment import Access, Stage
from hotseat_infra.stacks.nag import acknowledge
from hotseat_infra.stacks.registry_access import OBJECTS, PREFIX, allow_reading
from hotseat_infra.stacks.secret_access import grant_encrypt

_VERSIONS, _SIGNATURES = "models/*/versions/*", "models/*/signatures/*"
SIGNED_HEADS = ("models/*/signed.json", "models/*/signed/*", "models/*/pending.json")
"""Signed heads: written and removed by whoever moves an alias."""
_ALIASES = ("models/*/head.json", "models/*/ledger/*", *SIGNED_HEADS)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a role may do below the registry's prefix, besides reading."""

    purpose: str
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()


ROLES: Mapping[str, Permissions] = {
    # a blob that gc has noted is published again by removing its tombstone
    "publisher": Permissions(
        "publishes versions", ("blobs/*", _VERSIONS), ("garbage/*",)
    ),
    "signer": Permissions("signs versions", (_SIGNATURES,)),
    "approver": Permissions(
        "promotes, rolls back, and manages the keys of player tokens",
        (*_ALIASES, "access.json"),
        SIGNED_HEADS,
    ),
    "mover": Permissions(
        "copies and imports signed versions",
        ("blobs/*", _VERSIONS, _SIGNATURES),
        ("garbage/*",),
    ),
    "collector": Permissions(
        "collects garbage",
        ("garbage/*", *_ALIASES),
        ("blobs/*", "garbage/*", *SIGNED_HEADS),
    ),
    "reader": Permissions("reads and downloads"),
}


def add_roles(
    scope: Construct, stage: Stage, bucket: s3.Bucket, key: kms.Key, logical: str
) -> dict[str, iam.Role]:
    """Add the roles of a registry; `logical` is its bucket's logical id."""
    finding = f"<{logical}.Arn>"
    roles = {}
    for name, permissions in ROLES.items():
        role = roles[name] = iam.Role(
            scope,
            name.title(),
            assumed_by=_trusted(scope, name, stage.access.get(name, Access())),
            description=f"Hotseat: {permissions.purpose}",
        )
        permit(role, permissions, bucket, key, finding)
    grant_encrypt(roles["publisher"], stage.encryption_keys)
    return roles


def permit(
    role: iam.Role,
    permissions: Permissions,
    bucket: s3.Bucket,
    key: kms.Key,
    finding: str,
) -> None:
    """Let a role read the registry, and write and delete what its work needs."""
    allow_reading(role, bucket.bucket_arn, finding, PREFIX)
    key.grant(role, "kms:Decrypt")
    if permissions.writes:
        key.grant(role, "kms:GenerateDataKey")
    for action, keys in (
        ("s3:PutObject", permissions.writes),
        ("s3:DeleteObject", permissions.deletes),
    ):
        if keys:
            _allow(role, bucket, action, keys, finding)


def _allow(
    role: iam.Role, bucket: s3.Bucket, action: str, keys: tuple[str, ...], finding: str
) -> None:
    for key in keys:
        acknowledge(role, f"IAM5[Resource::{finding}/{PREFIX}/{key}]", OBJECTS)
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[action],
            resources=[bucket.arn_for_objects(f"{PREFIX}/{key}") for key in keys],
        )
    )


def _trusted(scope: Construct, name: str, access: Access) -> iam.IPrincipal:
    """Return who may assume a role: accounts, roles, and an identity provider."""
    mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}} if access.mfa else {}
    principals: list[iam.PrincipalBase] = [
        iam.AccountPrincipal(item) if item.isdigit() else iam.ArnPrincipal(item)
        for item in access.principals
    ]
    if access.oidc_provider:
        host = access.oidc_provider.partition(":oidc-provider/")[2]
        provider = iam.OpenIdConnectProvider.from_open_id_connect_provider_arn(
            scope, f"{name.title()}Provider", access.oidc_provider
        )
        web = iam.OpenIdConnectPrincipal(
            provider,
            {
                "StringEquals": {f"{host}:aud": access.oidc_audience},
                "StringLike": {f"{host}:sub": list(access.oidc_subjects)},
            },
        )
        # a token of a provider carries no MFA
        if not principals:
            return web
        return iam.CompositePrincipal(*_with(principals, mfa), web)
    if not principals:
        principals = [iam.AccountRootPrincipal()]
    if len(principals) == 1:
        return _with(principals, mfa)[0]
    return iam.CompositePrincipal(*_with(principals, mfa))


def _with(
    principals: list[iam.PrincipalBase], conditions: Mapping[str, object]
) -> list[iam.PrincipalBase]:
    if not conditions:
        return principals
    return [iam.PrincipalWithConditions(p, conditions) for p in principals]
