"""IAM for functions and people: requests with a role's key do what the role may.

Moto checks policies for everybody or for nobody, and of DynamoDB without the table.
Here it checks the roles of the stage, always, the functions' and the registry's: their
signatures, actions, resources, and their policies' conditions: the prefix of a listing,
and KMS's encryption context. CDK's own roles are checked where a test tells moto so.
"""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

from flask import request
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import IAMPolicyStatement
from moto.sts.models import sts_backends

_CONTEXT = "kms:EncryptionContext:"
_CDK_ROLE = "role/cdk-"
_moto_conditions = IAMPolicyStatement._check_conditions
_moto_authorize = ActionAuthenticatorMixin._authenticate_and_authorize_action


def _authorize(self: Any, iam_request: type, resource: str = "*") -> None:
    """Replace moto's `_authenticate_and_authorize_action`."""
    headers = self.headers
    if not is_enforced(self.current_account, headers.get("Authorization", "")):
        _moto_authorize(self, iam_request, resource)
        return
    if headers.get("X-Amz-Target", "").startswith("DynamoDB_"):
        table = json.loads(self.raw_body).get("TableName", "*")
        resource = (
            f"arn:aws:dynamodb:{self.region}:{self.current_account}:table/{table}"
        )
    if headers.get("X-Amz-Target", "").startswith("Logs_"):
        group = json.loads(self.raw_body).get("logGroupName", "*")
        resource = (
            f"arn:aws:logs:{self.region}:{self.current_account}:log-group:{group}:*"
        )
    if headers.get("X-Amz-Target", "").startswith("TrentService."):
        resource = json.loads(self.raw_body).get("KeyId", "*")
    checked = iam_request(
        account_id=self.current_account,
        method=self.method,
        path=self.raw_path + self.uri[len(self.uri.partition("?")[0]) :],
        data=self.data,
        body=self.raw_body,
        headers=headers,
        action=self._get_action(),
    )
    checked.check_signature()
    checked.check_action_permitted(resource)


def is_enforced(account: str, authorization: str) -> bool:
    """Return whether a request is signed with the key of a role of the stage."""
    key = re.search(r"Credential=([A-Z0-9]+)/", authorization)
    if key is None:
        return False
    return any(
        _CDK_ROLE not in str(held.role_arn)
        for held in sts_backends[account]["aws"].assumed_roles
        if held.access_key_id == key[1]
    )


def _check_conditions(self: Any, values: dict[str, str] | None) -> bool:
    """Check the prefix of a listing, and the context of an encryption.

    Moto denies every statement with a condition.
    """
    conditions = self._statement.get("Condition", {})
    if any(_CONTEXT in json.dumps(tested) for tested in conditions.values()):
        return _has_context(conditions)
    if set(conditions) != {"StringLike"} or set(conditions["StringLike"]) != {
        "s3:prefix"
    }:
        return bool(_moto_conditions(self, values))
    patterns = conditions["StringLike"]["s3:prefix"]
    prefix = request.args.get("prefix", "")
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(prefix, pattern) for pattern in listed)


def _has_context(conditions: dict[str, Any]) -> bool:
    """Whether a request to KMS has the encryption context of a statement."""
    context = json.loads(request.get_data()).get("EncryptionContext", {})
    for operator, tests in conditions.items():
        for name, values in tests.items():
            value = context.get(name.removeprefix(_CONTEXT))
            if operator == "Null":
                met = (value is None) == (values == "true")
            else:
                assert operator == "StringEquals"
                met = value in ([values] if isinstance(values, str) else values)
            if not met:
                return False
    return True


def install() -> None:
    """Replace moto's own check."""
    ActionAuthenticatorMixin._authenticate_and_authorize_action = _authorize
    IAMPolicyStatement._check_conditions = _check_conditions
