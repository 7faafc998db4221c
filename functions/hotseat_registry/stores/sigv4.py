"""Sign requests with AWS Signature Version 4.

docs.aws.amazon.com, "Create a signed AWS API request".
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from hotseat_registry.stores.credentials import Credentials


def sign(
    method: str,
    host: str,
    path: str,
    query: str,
    body: bytes,
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    service: str,
    now: datetime,
) -> dict[str, str]:
    """Return the headers of a signed request; `headers` have lower-case names."""
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    content = hashlib.sha256(body).hexdigest()
    named = {
        "host": host,
        "x-amz-content-sha256": content,
        "x-amz-date": stamp,
        **({"x-amz-security-token": credentials.token} if credentials.token else {}),
        **headers,
    }
    names = sorted(named)
    listed = ";".join(names)
    lines = "".join(f"{name}:{named[name].strip()}\n" for name in names)
    request = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{content}"
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, region, service, "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    named["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.key}/{scope}, "
        f"SignedHeaders={listed}, Signature={key.hex()}"
    )
    return named
