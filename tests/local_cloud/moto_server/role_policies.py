"""IAM for functions: requests with the key of a function's role do what it may.

Moto checks policies for everybody or for nobody, and of DynamoDB without the table.
Here it checks the roles that Lambda assumes, always: their signatures, actions and
resources. Others are checked where a test tells moto so.
"""

import json
import re
from typing import Any

from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

_moto_authorize = ActionAuthenticatorMixin._authenticate_and_authorize_action


def _authorize(self: Any, iam_request: type, resource: str = "*") -> None:
    """Replace moto's `_authenticate_and_authorize_action`."""
    headers = self.headers
    if not is_lambdas(self.current_account, headers.get("Authorization", "")):
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
    request = iam_request(
        account_id=self.current_account,
        method=self.method,
        path=self.raw_path + self.uri[len(self.uri.partition("?")[0]) :],
        data=self.data,
        body=self.raw_body,
        headers=headers,
        action=self._get_action(),
    )
    request.check_signature()
    request.check_action_permitted(resource)


def is_lambdas(account: str, authorization: str) -> bool:
    """Return whether a request is signed with the key of a role of Lambda's."""
    key = re.search(r"Credential=([A-Z0-9]+)/", authorization)
    if key is None:
        return False
    iam = iam_backends[account]["aws"]
    return any(
        "lambda.amazonaws.com"
        in str(iam.get_role_by_arn(held.role_arn).assume_role_policy_document)
        for held in sts_backends[account]["aws"].assumed_roles
        if held.access_key_id == key[1]
    )


def install() -> None:
    """Replace moto's own check."""
    ActionAuthenticatorMixin._authenticate_and_authorize_action = _authorize
