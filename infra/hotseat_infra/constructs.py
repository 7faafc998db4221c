"""The stacks and constructs for a CDK application of your own.

Everything named here keeps its signature and its construct ids between releases of one
major version; modules under `hotseat_infra.stacks` may change. How to use them:
docs/how-to/own-cdk-app.md, and examples/own-cdk-app.
"""

from hotseat_infra.build_context import build_context
from hotseat_infra.check import check_images
from hotseat_infra.deployment import DeploymentError, Stage, read
from hotseat_infra.stacks.feature_flags import FLAGS
from hotseat_infra.stacks.function import ModelFunction
from hotseat_infra.stacks.function_code import FOLDER
from hotseat_infra.stacks.nag import add_nag_checks
from hotseat_infra.stacks.registry_access import registry_of
from hotseat_infra.stacks.stage import (
    RegistryStack,
    ServiceStack,
    add_stage,
    application,
)

__all__ = [
    "FLAGS", "FOLDER", "DeploymentError", "ModelFunction", "RegistryStack",
    "ServiceStack", "Stage", "add_nag_checks", "add_stage", "application",
    "build_context", "check_images", "read", "registry_of",
]  # fmt: skip
