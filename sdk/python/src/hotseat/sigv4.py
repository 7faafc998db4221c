"""Requests signed with AWS credentials: ``pip install hotseat[sigv4]``.

For a studio's own servers with a role that may call the API (authorizer IAM). Never
ship AWS credentials with a game.

::

    client = ModelServiceClient(url, auth=SigV4("eu-central-1"))

The signer comes from botocore (docs.aws.amazon.com, "AWS Signature Version 4").
"""

import logging
from collections.abc import Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import get_session

from hotseat._transport import Request
from hotseat.errors import ConfigError

__all__ = ["SigV4"]

# at DEBUG botocore writes the session token into the log
logging.getLogger("botocore.auth").setLevel(logging.INFO)

_SIGNED = ("content-type", "idempotency-key")
"""Signed headers, besides the host and the signer's own; a proxy may change others."""


class SigV4:
    """Signs each try again, with the current credentials.

    `session` is a botocore session; the default has the settings of AWS's tools.
    `service` is execute-api for API Gateway, lambda for a function URL.
    """

    def __init__(
        self, region: str, *, service: str = "execute-api", session: Any = None
    ) -> None:
        self._region = region
        self._service = service
        self._session = session or get_session()

    def __call__(self, request: Request) -> Mapping[str, str]:
        """Return the headers of the signature; raises `ConfigError`."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise ConfigError(
                "no AWS credentials: set AWS_PROFILE, or assign a role to the server"
            )
        keys = credentials.get_frozen_credentials()
        headers = {
            name: request.headers[name] for name in _SIGNED if name in request.headers
        }
        signed = AWSRequest(request.method, request.url, headers, request.body)
        SigV4Auth(keys, self._service, self._region).add_auth(signed)
        return {
            name.lower(): str(value)
            for name, value in signed.headers.items()
            if name.lower() not in _SIGNED
        }

    def __repr__(self) -> str:
        """Hide the credentials."""
        return f"SigV4({self._region!r}, service={self._service!r})"
