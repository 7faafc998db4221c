"""A bucket's policy with its conditions, which moto ignores.

Only the conditions of our own policies are implemented: TLS (always true on loopback),
whether a write names If-Match or If-None-Match, whether it creates an object (a part of
a multipart upload does not), and the caller's role. Any other condition is an error, so
that no rule is ignored.
"""

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from flask import request
from moto.iam.access_control import PermissionResult
from moto.iam.models import get_account_id_from
from moto.s3.models import FakeBucket
from moto.sts.models import sts_backends

_HEADERS = {"s3:if-match": "If-Match", "s3:if-none-match": "If-None-Match"}
_EVERYONE = ("*", {"AWS": "*"})


def permission(
    policy: Mapping[str, Any],
    action: str,
    resource: str,
    headers: Mapping[str, str],
    *,
    creates: bool = True,
    caller: str = "",
) -> PermissionResult:
    """Return what a policy decides about a request from the account.

    `creates`: it is no part of a multipart upload. `caller` is the ARN of the role.
    """
    result = PermissionResult.NEUTRAL
    for statement in policy["Statement"]:
        if (
            statement["Principal"] in _EVERYONE
            and _matches(statement["Action"], action)
            and _matches(statement["Resource"], resource)
            and holds(
                statement.get("Condition", {}), headers, creates=creates, caller=caller
            )
        ):
            if statement["Effect"] == "Deny":
                return PermissionResult.DENIED
            result = PermissionResult.PERMITTED
    return result


def holds(
    conditions: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    creates: bool = True,
    caller: str = "",
) -> bool:
    """Return whether a request meets all conditions of a statement."""
    for operator, keys in conditions.items():
        for key, expected in keys.items():
            if operator == "Bool" and key == "aws:SecureTransport":
                met = expected == "true"
            elif operator == "Bool" and key == "s3:ObjectCreationOperation":
                met = (expected == "true") == creates
            elif operator == "ArnNotEquals" and key == "aws:PrincipalArn":
                met = caller not in (
                    [expected] if isinstance(expected, str) else expected
                )
            elif operator == "Null" and key in _HEADERS:
                met = (_HEADERS[key] not in headers) == (expected == "true")
            else:
                raise NotImplementedError(f"bucket policy condition {operator} {key}")
            if not met:
                return False
    return True


def _matches(patterns: str | list[str], value: str) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(value, pattern) for pattern in listed)


def get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Return what a bucket's policy decides about the request under way."""
    if not self.policy:
        return PermissionResult.NEUTRAL
    headers = request.headers
    return permission(
        json.loads(self.policy),
        _action(action),
        resource,
        headers,
        # CreateMultipartUpload and UploadPart; PutObject and the completion create
        creates=not ("uploads" in request.args or "partNumber" in request.args),
        caller=_caller(headers.get("Authorization", "")),
    )


def _action(name: str) -> str:
    """Return S3's action for moto's name of the request under way.

    moto names the completion of an upload by its method, and does not tell an object
    from one of its versions, which is an action of its own.
    """
    if name in {"s3:GetObject", "s3:DeleteObject"} and "versionId" in request.args:
        return f"{name}Version"
    return name.replace("s3:PostObject", "s3:PutObject")


def _caller(authorization: str) -> str:
    """Return the ARN of the role whose temporary key signed a request, or nothing."""
    found = re.search(r"Credential=([A-Z0-9]+)/", authorization)
    if found is None:
        return ""
    account = get_account_id_from(found[1])
    for role in sts_backends[account]["global"].assumed_roles:
        if role.access_key_id == found[1]:
            return str(role.role_arn)
    return ""


def install() -> None:
    """Replace moto's own check."""
    FakeBucket.get_permission = get_permission
