"""Moving a function's alias back, and pruning its versions."""

from dataclasses import dataclass, field

import pytest

from hotseat_infra.errors import DeploymentError
from hotseat_infra.function_versions import DeployedFunction, find


@dataclass
class Lambda:
    """A function in memory: its versions and its alias, as Lambda answers."""

    versions: list
    live: int
    weights: dict = field(default_factory=dict)

    def get_paginator(self, _name):
        return self

    def paginate(self, **_):
        for chunk in ([{"Version": "$LATEST"}], self.versions):
            yield {
                "Versions": [
                    {"Version": str(v), "LastModified": "now", "MemorySize": 512}
                    if isinstance(v, int)
                    else v
                    for v in chunk
                ]
            }

    def get_alias(self, **_):
        weights = {"AdditionalVersionWeights": self.weights}
        return {"FunctionVersion": str(self.live), "RoutingConfig": weights}

    def update_alias(self, *, FunctionVersion, RoutingConfig, **_):  # noqa: N803 (AWS's)
        self.live = int(FunctionVersion)
        self.weights = RoutingConfig["AdditionalVersionWeights"]

    def delete_function(self, *, Qualifier, **_):  # noqa: N803 (AWS's)
        self.versions.remove(int(Qualifier))

    def get_function_configuration(self, *, FunctionName):  # noqa: N803 (AWS's)
        return {"Environment": {"Variables": {"HOTSEAT_DEFAULT_MODEL": FunctionName}}}


def test_the_alias_moves_back_and_ends_a_canary():
    """To the newest version before the live one; a canary's share goes."""
    lambda_ = Lambda([1, 2, 4], live=4, weights={"4": 0.1})
    function = DeployedFunction("f", lambda_)
    assert function.move() == (4, 2)
    assert (lambda_.live, lambda_.weights) == (2, {})
    assert function.move(4) == (2, 4)
    assert [(v.number, v.live) for v in function.versions()] == [
        (4, True), (2, False), (1, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("live", "to", "says"),
    [(1, None, "no version before 1"), (2, 9, "no version 9; there are: 2, 1")],
)
def test_a_version_that_is_not_kept_is_refused(live, to, says):
    """The error names what is kept."""
    lambda_ = Lambda([1, 2], live=live)
    with pytest.raises(DeploymentError, match=says):
        DeployedFunction("f", lambda_).move(to)
    assert lambda_.live == live


def test_pruning_keeps_the_newest_and_what_the_alias_needs():
    """Versions behind the alias stay, however old."""
    lambda_ = Lambda([1, 2, 3, 4, 5, 6], live=2, weights={"3": 0.1})
    assert DeployedFunction("f", lambda_).prune(2) == [4, 1]
    assert lambda_.versions == [2, 3, 5, 6]


class Stack:
    """CloudFormation with two functions."""

    def get_paginator(self, _name):
        return self

    def paginate(self, **stack):
        assert stack == {"StackName": "Hotseat-prod-Service"}
        for name, kind in (("mood", "Function"), ("x", "Alias"), ("tone", "Function")):
            item = {"ResourceType": f"AWS::Lambda::{kind}", "PhysicalResourceId": name}
            yield {"StackResourceSummaries": [item]}


def test_a_models_function_is_found_in_its_stack():
    """By the model that it serves; the error lists the others."""
    assert find("prod", "tone", Stack(), Lambda([], 1)).name == "tone"
    with pytest.raises(DeploymentError, match="no function of 'x'; there are: mood"):
        find("prod", "x", Stack(), Lambda([], 1))
