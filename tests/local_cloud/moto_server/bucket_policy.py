"""A bucket's policy with its conditions, which moto ignores.

Only the conditions of our own policies are implemented: TLS (always true on loopback)
and whether a write names If-Match or If-None-Match. Any other condition is an error, so
that no rule is ignored.
"""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from flask import request
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

_HEADERS = {"s3:if-match": "If-Match", "s3:if-none-match": "If-None-Match"}
_EVERYONE = ("*", {"AWS": "*"})


def permission(
    policy: Mapping[str, Any], action: str, resource: str, headers: Mapping[str, str]
) -> PermissionResult:
    """Return what a policy decides about a request from the account."""
    result = PermissionResult.NEUTRAL
    for statement in policy["Statement"]:
        if (
            statement["Principal"] in _EVERYONE
            and _matches(statement["Action"], action)
            and _matches(statement["Resource"], resource)
            and holds(statement.get("Condition", {}), headers)
        ):
            if statement["Effect"] == "Deny":
                return PermissionResult.DENIED
            result = PermissionResult.PERMITTED
    return result


def holds(conditions: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Return whether a request meets all conditions of a statement."""
    for operator, keys in conditions.items():
        for key, expected in keys.items():
            if operator == "Bool" and key == "aws:SecureTransport":
                met = expected == "true"
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


def _get_permission(self: FakeBucket, action: str, resource: str) -> PermissionResult:
    if not self.policy:
        return PermissionResult.NEUTRAL
    return permission(json.loads(self.policy), action, resource, request.headers)


def install() -> None:
    """Replace moto's own check."""
    FakeBucket.get_permission = _get_permission
