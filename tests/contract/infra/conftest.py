"""Synthesized stages; each is synthesized once."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

# AWS's library warns about the version of Node
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20")

from aws_cdk.assertions import Template

from hotseat_infra.deployment import Alarms, Limits, Model, Schedule, read
from hotseat_infra.stacks.stage import add_stage, application

FILE = Path(__file__).parents[3] / "infra/deployment.toml"


class Synthesized:
    """A stage's templates and their folder."""

    def __init__(self, folder, *stages):
        app = application(str(folder))
        stacks = [add_stage(app, stage) for stage in stages]
        app.synth()
        self.folder, self.stages, self.stacks = folder, stages, stacks
        registry, service = stacks[0]
        self.registry = Template.from_stack(registry) if registry else None
        self.service = Template.from_stack(service)

    def allowed(self, start):
        """Return allowed actions and resources of roles whose ids start so."""
        allowed = {}
        templates = [t for t in (self.registry, self.service) if t]
        for template in templates:
            for name, resource in template.to_json()["Resources"].items():
                if resource["Type"] != "AWS::IAM::Policy" or not name.startswith(start):
                    continue
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    assert statement["Effect"] == "Allow"
                    for action in _listed(statement["Action"]):
                        keys = {_path(r) for r in _listed(statement["Resource"])}
                        allowed.setdefault(action, set()).update(keys)
        return allowed


def _listed(value):
    return value if isinstance(value, list) else [value]


def _path(resource):
    """Return the part after the bucket in a resource's ARN; "" is the bucket."""
    if isinstance(resource, str):
        return resource
    parts = resource.get("Fn::Join", ["", [""]])[1]
    return parts[-1] if isinstance(parts[-1], str) else ""


@pytest.fixture(scope="session")
def synthesize():
    """Return the class that synthesizes stages into a folder."""
    return Synthesized


@pytest.fixture(scope="session")
def shipped(tmp_path_factory):
    """Both stages of the repository's deployment file."""
    return {
        name: Synthesized(tmp_path_factory.mktemp(name), read(FILE, name))
        for name in ("dev", "prod")
    }


@pytest.fixture(scope="session")
def everything():
    """A stage with every feature enabled."""
    prod = read(FILE, "prod")
    models = {
        "sokoban": Model(mode="static", version=3, snapstart=True,
                         architecture="x86_64", route="levels"),
        "sentiment": Model(
            memory_mb=1769, timeout_s=29, reserved_concurrency=50,
            provisioned_concurrency=2, canary="LINEAR_10_PERCENT_EVERY_1_MINUTE",
            schedule=Schedule(5, 16, 2, ("fri", "sat"), "Europe/Berlin"),
            alarms=Alarms(80, 0.5, 10, minutes=1),
        ),
        "churn": Model(variant="int8", refresh_seconds=30.0),
    }  # fmt: skip
    return replace(
        prod,
        account="111122223333",
        models=models,
        default_model="sentiment",
        log_days=400,
        keep_registry=False,
        trust=("release.pub",),
        api=replace(
            prod.api,
            games=("chess", "racing"),
            limits={"racing": Limits(burst=7, daily_quota=9)},
            max_body_bytes=100_000,
            waf=True,
            origins=("https://game.example",),
            domain="models.example.com",
            certificate="arn:aws:acm:eu-west-1:111122223333:certificate/c-1",
            zone="Z0123456789ABC",
        ),
    )


@pytest.fixture(scope="session")
def full(everything, tmp_path_factory):
    """The stage with every feature, behind a REST API."""
    return Synthesized(tmp_path_factory.mktemp("full"), everything)


@pytest.fixture(scope="session")
def plain(everything, tmp_path_factory):
    """The same stage behind an HTTP API."""
    api = replace(everything.api, kind="http", games=(), limits={}, waf=False)
    return Synthesized(tmp_path_factory.mktemp("http"), replace(everything, api=api))
