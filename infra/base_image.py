"""Write the newest digest of the base image into a Dockerfile: ``make base-image``.

The digest is that of the index over all architectures, computed from its bytes, which a
registry of images returns for a tag (OCI distribution specification, "Pulling
manifests"; anonymous tokens as docs.aws.amazon.com, ECR Public, "Registry
authentication"). A build then takes these bytes or fails.
"""

import argparse
import hashlib
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

DOCKERFILE = Path(__file__).parents[1] / "functions/Dockerfile"
BASE = re.compile(
    r"^ARG BASE_IMAGE=(?P<host>[^/\s]+)/(?P<name>[^:\s]+):(?P<tag>[^@\s]+)"
    r"(?:@sha256:(?P<digest>[0-9a-f]{64}))?$",
    re.MULTILINE,
)
INDEX = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)
ARCHITECTURES = {"amd64", "arm64"}
"""Those that a stage can choose."""


def newest(host: str, name: str, tag: str, scheme: str = "https") -> str:
    """Return the SHA-256 of a tag's index; raises `OSError`, `ValueError`."""
    root = f"{scheme}://{host}"
    scope = f"repository:{name}:pull"
    token = json.loads(_get(f"{root}/token/?service={host}&scope={scope}"))["token"]
    index = _get(
        f"{root}/v2/{name}/manifests/{tag}", authorization=f"Bearer {token}",
        accept=INDEX,
    )  # fmt: skip
    listed = {m["platform"]["architecture"] for m in json.loads(index)["manifests"]}
    if not listed >= ARCHITECTURES:
        raise ValueError(f"{name}:{tag} is for {', '.join(sorted(listed))} alone")
    return hashlib.sha256(index).hexdigest()


def main(dockerfile: Path = DOCKERFILE, scheme: str = "https") -> int:
    """Write the digest; 1 if it cannot be had, and then nothing is changed."""
    text = dockerfile.read_text("utf-8")
    base = BASE.search(text)
    if base is None:
        sys.stderr.write(f"{dockerfile}: no line ARG BASE_IMAGE=host/name:tag\n")
        return 1
    host, name, tag, before = base.groups()
    try:
        digest = newest(host, name, tag, scheme)
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{host}/{name}:{tag}: no digest: {error}\n")
        return 1
    line = f"ARG BASE_IMAGE={host}/{name}:{tag}@sha256:{digest}"
    dockerfile.write_text(text.replace(base[0], line), "utf-8")
    now = "as before" if digest == before else line
    sys.stdout.write(f"{name}:{tag}: {now}\n")
    return 0


def _get(url: str, **headers: str) -> bytes:
    # the scheme is `newest`'s own
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (as above)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 (as above)
        data: bytes = answer.read(4 << 20)
    return data


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    sys.exit(main())
