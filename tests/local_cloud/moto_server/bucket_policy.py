"""A bucket's policy with its conditions, which moto leaves out.

Only what our policies say is known: TLS (loopback stands for it) and whether a write
names a condition. Anything else is an error, so that no rule is passed by unread.
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
    """Return what a policy says of a request by somebody of the account."""
    found = PermissionResult.NEUTRAL
    for statement in policy["Statement"]:
        if (
            statement["Principal"] in _EVERYONE
            and _matches(statement["Action"], action)
            and _matches(statement["Resource"], resource)
            and holds(statement.get("Condition", {}), headers)
        ):
            if statement["Effect"] == "Deny":
                return PermissionResult.DENIED
            found = PermissionResult.PERMITTED
    return found


def holds(conditions: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
    """Whether all conditions of a statement hold for a request."""
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            if operator == "Bool" and key == "aws:SecureTransport":
                is_so = wanted == "true"
            elif operator == "Null" and key in _HEADERS:
                is_so = (_HEADERS[key] not in headers) == (wanted == "true")
            else:
                raise NotImplementedError(f"a bucket's condition {operator} {key}")
            if not is_so:
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
    """Put it in the place of moto's own."""
    FakeBucket.get_permission = _get_permission
