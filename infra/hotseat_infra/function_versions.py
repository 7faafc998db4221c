"""The versions of a deployed function: list them, move the alias back, prune.

A deployment publishes a version of the function, and CloudFormation keeps the former
ones. So the alias moves back to one of them in a second, without a build.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hotseat_infra.errors import DeploymentError

ALIAS = "live"
_MODEL = "HOTSEAT_DEFAULT_MODEL"


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """One version of a function, as Lambda keeps it."""

    number: int
    published: str
    """Time, as Lambda writes it."""
    memory_mb: int
    live: bool
    """Whether the alias points to it."""


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """The function of one model in a stage's stack. `client` is boto3's for Lambda."""

    name: str
    client: Any

    def versions(self) -> list[FunctionVersion]:
        """Return all versions, the newest first."""
        live = self._live()
        pages = self.client.get_paginator("list_versions_by_function")
        found = [
            FunctionVersion(
                int(item["Version"]),
                item["LastModified"],
                item["MemorySize"],
                int(item["Version"]) == live,
            )
            for page in pages.paginate(FunctionName=self.name)
            for item in page["Versions"]
            if item["Version"] != "$LATEST"
        ]
        return sorted(found, key=lambda item: -item.number)

    def move(self, number: int | None = None) -> tuple[int, int]:
        """Point the alias to a version; None: the newest one before the live one.

        Returns where the alias was and where it is now. Ends a canary: all requests go
        to the version. Raises `DeploymentError`.
        """
        versions, before = self.versions(), self._live()
        numbers = [item.number for item in versions]
        if number is None:
            number = next((n for n in numbers if n < before), None)
            if number is None:
                raise DeploymentError(
                    f"{self.name} has no version before {before}: deploy the former "
                    "commit"
                )
        if number not in numbers:
            kept = ", ".join(map(str, numbers)) or "none"
            raise DeploymentError(
                f"{self.name} has no version {number}; there are: {kept}"
            )
        self.client.update_alias(
            FunctionName=self.name,
            Name=ALIAS,
            FunctionVersion=str(number),
            RoutingConfig={"AdditionalVersionWeights": {}},
        )
        return before, number

    def prune(self, keep: int) -> list[int]:
        """Delete all but the newest `keep` versions and those behind the alias."""
        alias = self._alias()
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        needed = {alias["FunctionVersion"], *weights}
        old = [
            item.number
            for item in self.versions()[keep:]
            if str(item.number) not in needed
        ]
        for number in old:
            self.client.delete_function(FunctionName=self.name, Qualifier=str(number))
        return old

    def _live(self) -> int:
        return int(self._alias()["FunctionVersion"])

    def _alias(self) -> dict[str, Any]:
        alias: dict[str, Any] = self.client.get_alias(
            FunctionName=self.name, Name=ALIAS
        )
        return alias


def find(stage: str, model: str, cloudformation: Any, lambda_: Any) -> DeployedFunction:
    """Return a model's function in a stage's stack; raises `DeploymentError`."""
    models = []
    for name in _functions(f"Hotseat-{stage}-Service", cloudformation):
        configuration = lambda_.get_function_configuration(FunctionName=name)
        served = configuration.get("Environment", {}).get("Variables", {}).get(_MODEL)
        if served == model:
            return DeployedFunction(name, lambda_)
        models.append(str(served))
    raise DeploymentError(
        f"stage {stage} has no function of {model!r}; {_listed(models)}"
    )


def _functions(stack: str, cloudformation: Any) -> Iterator[str]:
    pages = cloudformation.get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=stack):
        for item in page["StackResourceSummaries"]:
            if item["ResourceType"] == "AWS::Lambda::Function":
                yield item["PhysicalResourceId"]


def _listed(models: Sequence[str]) -> str:
    return f"there are: {', '.join(sorted(models)) or 'none'}"
