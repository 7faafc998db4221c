"""The deployment file: its tables (schema), reading them, and the rules they follow.

Nothing here imports AWS's library; `hotseat_infra.check` compares a stage with its
registry.
"""

from hotseat_infra.deployment.reader import read
from hotseat_infra.deployment.schedule import Schedule
from hotseat_infra.deployment.schema import (
    Access,
    Alarms,
    Api,
    Limits,
    Maintenance,
    Model,
    Network,
    Stage,
)
from hotseat_infra.errors import DeploymentError

__all__ = [
    "Access", "Alarms", "Api", "DeploymentError", "Limits", "Maintenance",
    "Model", "Network", "Schedule", "Stage", "read",
]  # fmt: skip
