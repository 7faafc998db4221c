#!/usr/bin/env python3
"""Stand in for docker in ``cdk deploy``: podman runs the commands that CDK uses.

CDK names an image after an account's registry on AWS. Here it is pushed to a registry
on this machine (HOTSEAT_IMAGES, host:port) and recorded in moto's ECR. The names of
images are written to the file HOTSEAT_TAGS, so that they can be removed at the end.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGE_SH = Path(__file__).parents[2] / "infra" / "image.sh"
V2S2 = "application/vnd.docker.distribution.manifest.v2+json"


def main(words: list[str]) -> int:
    """Run one command and return its exit code."""
    match words:
        case ["login" | "logout", *_]:
            sys.stdin.read()
            return 0
        case ["build", *options]:
            return build(options)
        case ["push", image]:
            return push(image)
    return subprocess.run(["podman", *words], check=False).returncode


def build(options: list[str]) -> int:
    """Build an image from the folder that CDK is in, as `make image` does."""
    pairs = list(itertools.pairwise(options))
    arguments = dict(
        value.split("=", 1) for name, value in pairs if name == "--build-arg"
    )
    (tag,) = (value for name, value in pairs if name == "--tag")
    note(tag)
    done = subprocess.run(
        ["bash", IMAGE_SH],
        env={
            **os.environ,
            "BASE": "debian",
            "CONTEXT": str(Path.cwd() / options[-1]),
            "MODEL": arguments["BAKED"],
            "NAME": tag,
        },
        stdout=sys.stderr,
        check=False,
    )
    # the image is removed at the end; so is its bill of materials
    IMAGE_SH.parents[1].joinpath("dist", f"{tag}.cdx.json").unlink(missing_ok=True)
    return done.returncode


def push(image: str) -> int:
    """Push to the registry on this machine and record the manifest in moto's ECR."""
    import boto3

    note(image)
    _, _, path = image.partition("/")
    repository, _, tag = path.rpartition(":")
    here = f"{os.environ['HOTSEAT_IMAGES']}/{path}"
    with tempfile.NamedTemporaryFile() as digest:
        done = subprocess.run(
            ["podman", "push", "--quiet", "--tls-verify=false", "--format", "v2s2",
             "--digestfile", digest.name, image, f"docker://{here}"],
            check=False,
        )  # fmt: skip
        if done.returncode:
            return done.returncode
        pushed = Path(digest.name).read_text("utf-8").strip()
    manifest = _manifest(repository, pushed)
    boto3.client("ecr").put_image(
        repositoryName=repository,
        imageTag=tag,
        imageManifest=manifest,
        imageManifestMediaType=V2S2,
        imageDigest=pushed,
    )
    return 0


def note(image: str) -> None:
    """Write down the name of an image, to remove it at the end."""
    with Path(os.environ["HOTSEAT_TAGS"]).open("a", encoding="utf-8") as file:
        file.write(f"{image}\n")


def _manifest(repository: str, digest: str) -> str:
    import urllib.request

    request = urllib.request.Request(
        f"http://{os.environ['HOTSEAT_IMAGES']}/v2/{repository}/manifests/{digest}",
        headers={"Accept": V2S2},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        text: str = answer.read().decode()
    json.loads(text)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
