"""Requests signed with AWS credentials: ``pip install hotseat[sigv4]``.

For a studio's own servers, whose role may call the API (authorizer IAM); a shipped game
has no AWS credentials to give.

::

    client = ModelServiceClient(url, auth=SigV4("eu-central-1"))

The signer is botocore's (docs.aws.amazon.com, "AWS Signature Version 4").
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

# at DEBUG it writes the session token into the log
logging.getLogger("botocore.auth").setLevel(logging.INFO)

_SIGNED = ("content-type", "idempotency-key")
"""Beside the host and what the signer adds; what a proxy may change is left out."""


class SigV4:
    """Signs each try anew, so that credentials may be refreshed meanwhile.

    `session` is a botocore session, by default one that looks where AWS's tools look.
    `service` is execute-api for API Gateway, lambda for a function's URL.
    """

    def __init__(
        self, region: str, *, service: str = "execute-api", session: Any = None
    ) -> None:
        self._region = region
        self._service = service
        self._session = session or get_session()

    def __call__(self, request: Request) -> Mapping[str, str]:
        """Return the headers of the signature; raises `ConfigError`."""
        found = self._session.get_credentials()
        if found is None:
            raise ConfigError(
                "there are no AWS credentials: set AWS_PROFILE, or give the server "
                "a role"
            )
        keys = found.get_frozen_credentials()
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
        """Show no credentials."""
        return f"SigV4({self._region!r}, service={self._service!r})"
