"""Read one stage of the deployment file."""

import tomllib
from pathlib import Path

from hotseat_infra.deployment import rules
from hotseat_infra.deployment.schema import Stage
from hotseat_infra.deployment.strict_toml import check_keys, parse_table
from hotseat_infra.errors import DeploymentError


def read(path: Path, stage: str) -> Stage:
    """Read one stage; raises `DeploymentError` with the file and the place in it."""
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        raise DeploymentError(f"no deployment file {path}") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DeploymentError(f"{path}: {error}") from None
    check_keys(document, {"stages"}, str(path))
    stages = document.get("stages", {})
    if stage not in stages:
        names = ", ".join(stages) or "none"
        raise DeploymentError(f"{path}: no stage {stage!r}; there are: {names}")
    where = f"{path}, stages.{stage}"
    if "name" in stages[stage]:
        raise DeploymentError(
            f"{where}: the table's name is the stage's, {stage}: remove the key name"
        )
    parsed = parse_table(Stage, {"name": stage, **stages[stage]}, where)
    rules.check(parsed, where)
    return parsed
