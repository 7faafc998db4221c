"""Compare a stage with the account that it is deployed to.

What AWS would refuse is an error; what changes for callers is a warning, before the
deployment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hotseat_infra.deployment import Model, Stage
from hotseat_infra.errors import DeploymentError

_UNRESERVED = 100
"""Concurrent executions that Lambda keeps for functions without a reservation (AWS
Lambda, "Configuring reserved concurrency")."""
_USUAL_CONCURRENCY = 1_000
_KINDS = {"AWS::ApiGateway::RestApi": "rest", "AWS::ApiGatewayV2::Api": "http"}


@dataclass(frozen=True, slots=True)
class Account:
    """The clients of one account and region: boto3's, or alike."""

    cloudformation: Any
    lambda_: Any
    api_gateway: Any

    def check(self, stage: Stage) -> list[str]:
        """Return warnings; raises `DeploymentError` for what AWS would refuse."""
        warnings = list(self._quota(stage))
        warnings += self._address(stage)
        warnings += self._keys(stage)
        return warnings

    def _quota(self, stage: Stage) -> Iterator[str]:
        limit = self.lambda_.get_account_settings()["AccountLimit"]
        concurrent = int(limit["ConcurrentExecutions"])
        reserved = {
            name: _reserved(model)
            for name, model in stage.models.items()
            if _reserved(model)
        }
        room = max(concurrent - _UNRESERVED, 0)
        if sum(reserved.values()) > room:
            parts = ", ".join(f"{name} {number}" for name, number in reserved.items())
            raise DeploymentError(
                f"stages.{stage.name}: {parts} concurrent executions are reserved or "
                f"provisioned; this account has {concurrent}, of which {room} can be: "
                "ask for a higher quota (Service Quotas, Lambda, Concurrent executions)"
            )
        if concurrent < _USUAL_CONCURRENCY:
            yield (
                f"this account allows {concurrent} concurrent executions of all "
                "functions together, as new accounts do; further requests get 503: ask "
                "for a higher quota (Service Quotas, Lambda, Concurrent executions)"
            )

    def _address(self, stage: Stage) -> Iterator[str]:
        deployed = {_KINDS[kind] for kind in self._resource_types(stage) & set(_KINDS)}
        if deployed and stage.api.kind not in deployed and not stage.api.domain:
            yield (
                f"the API changes from {deployed.pop()} to {stage.api.kind}: it gets "
                "another address, and the old one ends with the deployment. With "
                "domain, games keep theirs"
            )

    def _keys(self, stage: Stage) -> Iterator[str]:
        prefix = f"hotseat-{stage.name}-"
        pages = self.api_gateway.get_paginator("get_api_keys")
        names = {
            item["name"].removeprefix(prefix)
            for page in pages.paginate(nameQuery=prefix)
            for item in page["items"]
        }
        for game in sorted(names - set(stage.api.games)):
            yield f"the key of {game} stops working: it is no longer one of the games"

    def _resource_types(self, stage: Stage) -> set[str]:
        """Return the types of the deployed stack's resources; none before the first."""
        name = f"Hotseat-{stage.name}-Service"
        try:
            pages = self.cloudformation.get_paginator("list_stack_resources")
            return {
                item["ResourceType"]
                for page in pages.paginate(StackName=name)
                for item in page["StackResourceSummaries"]
            }
        except self.cloudformation.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return set()
            raise


def _reserved(model: Model) -> int:
    """Return what a function takes from the account's quota."""
    scheduled = model.schedule.concurrency if model.schedule else 0
    return model.reserved_concurrency or max(model.provisioned_concurrency, scheduled)
