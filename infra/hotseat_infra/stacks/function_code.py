"""The code of a function: a container image, a zip file, or one package of ours.

The folder that it is made of is the repository's functions/, or what
`hotseat_infra.build_context` puts together for an application outside of it; the
context ``hotseat:functions`` of the CDK application names it.
"""

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from hotseat_infra.build_context import CHECKOUT
from hotseat_infra.deployment import Model
from hotseat_infra.zip_package import zip_folder

FOLDER = "hotseat:functions"
PYTHON = lambda_.Runtime.PYTHON_3_13
"""Lambda's own Python, the one of the image's base."""
OF_THE_IMAGE = "the version of the image's base, with which the packages are tested"
"""Why it is not Lambda's newest, which cdk-nag wants."""
HANDLER = "hotseat_serve.handler.handler"


def source_folder(scope: Construct) -> Path:
    """Return the folder with the Dockerfile, both packages and what is baked."""
    return Path(scope.node.try_get_context(FOLDER) or CHECKOUT)


def image(
    scope: Construct,
    *,
    architecture: str,
    baked: str = "none",
    packages: str = "none",
    preprocessing: bool = False,
    text: bool = False,
    command: str = "",
) -> lambda_.DockerImageCode:
    """Return an image's code; `command` replaces its handler.

    Another function's version or packages do not change this image.
    """
    arm = architecture == "arm64"
    return lambda_.DockerImageCode.from_image_asset(
        str(source_folder(scope)),
        cmd=[command] if command else None,
        build_args={
            "BAKED": baked,
            "PACKAGES": packages,
            **({"PREPROCESSING": "1"} if preprocessing else {}),
            **({"TEXT": "1"} if text else {}),
        },
        exclude=[
            "baked/*", f"!baked/{baked}", "packages/*", f"!packages/{packages}", "zip",
        ],
        platform=assets.Platform.LINUX_ARM64 if arm else assets.Platform.LINUX_AMD64,
    )  # fmt: skip


def zip_file(scope: Construct, name: str) -> lambda_.Code:
    """Return a model's zip file, which `hotseat deploy zip` wrote."""
    return lambda_.Code.from_asset(str(zip_folder(source_folder(scope), name)))


def registry_package(scope: Construct) -> lambda_.Code:
    """Return the package of the registry alone; Lambda's Python brings boto3."""
    return lambda_.Code.from_asset(
        str(source_folder(scope)),
        exclude=["/*", "!/hotseat_registry", "__pycache__"],
        ignore_mode=IgnoreMode.GIT,
    )


def machine(model: Model) -> lambda_.Architecture:
    """Return the architecture of a model's function."""
    arm = model.architecture == "arm64"
    return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64
