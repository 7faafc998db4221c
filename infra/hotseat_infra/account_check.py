"""Compare a stage with the account that it is deployed to.

What AWS would refuse is an error; what changes for callers is a warning, before the
deployment.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hotseat_infra.deployment import Model, Stage
from hotseat_infra.errors import DeploymentError

_UNRESERVED = 100
"""Concurrent executions that Lambda keeps for functions without a reservation (AWS
Lambda, "Configuring reserved concurrency")."""
_USUAL_CONCURRENCY = 1_000
_USUAL_ROUTES = 300
_KINDS = {"AWS::ApiGateway::RestApi": "rest", "AWS::ApiGatewayV2::Api": "http"}


NESTED_STACK = re.compile(r"Models(\w+?)NestedStack")
"""The logical id of a nested stack of models."""


@dataclass(frozen=True, slots=True)
class _Resource:
    """A deployed resource: its names in the template and in AWS, and its type."""

    logical: str
    type: str
    physical: str


@dataclass(frozen=True, slots=True)
class Account:
    """The clients of one account and region: boto3's, or alike."""

    cloudformation: Any
    lambda_: Any
    api_gateway: Any

    def check(self, stage: Stage) -> list[str]:
        """Return warnings; raises `DeploymentError` for what AWS would refuse."""
        warnings = list(self._quota(stage))
        warnings += _routes(stage)
        deployed = list(self._resources(f"Hotseat-{stage.name}-Service"))
        self._check_places(stage, deployed)
        warnings += _address(stage, deployed)
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
        if concurrent != stage.account_concurrency:
            yield (
                f"the alarm of used-up quota counts with {stage.account_concurrency} "
                f"concurrent executions; this account allows {concurrent}: set "
                f"account_concurrency = {concurrent}"
            )
        if concurrent < _USUAL_CONCURRENCY:
            yield (
                f"this account allows {concurrent} concurrent executions of all "
                "functions together, as new accounts do; further requests get 503: ask "
                "for a higher quota (Service Quotas, Lambda, Concurrent executions)"
            )

    def _check_places(self, stage: Stage, deployed: list[_Resource]) -> None:
        """Raise `DeploymentError` if a model is deployed in another stack."""
        places = {"": deployed}
        for resource in deployed:
            found = NESTED_STACK.match(resource.logical)
            if resource.type == "AWS::CloudFormation::Stack" and found:
                places[found[1].lower()] = list(self._resources(resource.physical))
        for name, model in stage.models.items():
            function = function_id(name)
            for place, resources in places.items():
                if place == _letters(model.stack).lower():
                    continue
                if any(function.fullmatch(item.logical) for item in resources):
                    raise DeploymentError(
                        f"stages.{stage.name}.models.{name}.stack: it is deployed in "
                        f"{place or 'the service stack'}, and CloudFormation cannot "
                        "move its routes: keep the former value; or remove the model, "
                        "deploy, and add it again"
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

    def _resources(self, stack: str) -> Iterator[_Resource]:
        """Yield the resources of a deployed stack; none before the first time."""
        try:
            pages = self.cloudformation.get_paginator("list_stack_resources")
            for page in pages.paginate(StackName=stack):
                for item in page["StackResourceSummaries"]:
                    yield _Resource(
                        item["LogicalResourceId"],
                        item["ResourceType"],
                        item.get("PhysicalResourceId", ""),
                    )
        except self.cloudformation.exceptions.ClientError as error:
            if "does not exist" not in str(error):
                raise


def _address(stage: Stage, deployed: list[_Resource]) -> Iterator[str]:
    kinds = {_KINDS[resource.type] for resource in deployed if resource.type in _KINDS}
    if kinds and stage.api.kind not in kinds and not stage.api.domain:
        yield (
            f"the API changes from {kinds.pop()} to {stage.api.kind}: it gets "
            "another address, and the old one ends with the deployment. With "
            "domain, games keep theirs"
        )


def function_id(model: str) -> re.Pattern[str]:
    """Return what the logical id of a model's function matches."""
    return re.compile(f"{_letters(model)}Function[0-9A-F]{{8}}")


def _letters(name: str) -> str:
    """Return a name as CDK has it in logical ids."""
    return re.sub(r"[^A-Za-z0-9]", "", name)


def _routes(stage: Stage) -> Iterator[str]:
    """Yield a warning if an API of this account may lack room for the models' routes.

    Four of each model, and those of the service; both quotas can be raised
    (docs.aws.amazon.com, "Quotas in API Gateway").
    """
    fixed, what = {"rest": (9, "Resources per API"), "http": (0, "Routes per API")}[
        stage.api.kind
    ]
    routes = fixed + 4 * len(stage.models)
    if routes > _USUAL_ROUTES:
        yield (
            f"the API has {routes} routes; without a higher quota the limit is "
            f"{_USUAL_ROUTES}: ask for it first (Service Quotas, API Gateway, {what})"
        )


def _reserved(model: Model) -> int:
    """Return what a function takes from the account's quota."""
    scheduled = model.schedule.concurrency if model.schedule else 0
    return model.reserved_concurrency or max(model.provisioned_concurrency, scheduled)
