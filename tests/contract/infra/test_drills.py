"""docs/how-to/operate.md, drill by drill: its commands run, the rest read in templates.

The `hotseat` commands of a drill run as they stand, on a bucket of moto's, versioned as
the stack's own is. What only AWS does (deploying, shifting requests) is read from the
templates.
"""

import re
import shlex
import uuid
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from hotseat import _cli
from hotseat_infra.deployment.reference import document
from hotseat_infra.deployment.rules import ROLES
from hotseat_registry import Reference, open_registry

ROOT = Path(__file__).parents[3]
OPERATORS = (ROOT / "docs/how-to/operate.md").read_text("utf-8")
DRILLS = {
    int(number): text
    for number, text in re.findall(
        r"^## (\d+)\. (.*?)(?=^## )", OPERATORS, re.MULTILINE | re.DOTALL
    )
}


def commands(text):
    """Return the commands in a drill's code blocks, in order."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


class Operator:
    """An operator with a registry in a bucket and a working folder."""

    def __init__(self, folder, capsys, publish):
        self.capsys, self.publish = capsys, publish
        self.s3 = boto3.client("s3")
        self.bucket, self.elsewhere = (f"drill-{uuid.uuid4()}" for _ in range(2))
        for bucket in (self.bucket, self.elsewhere):
            self.s3.create_bucket(Bucket=bucket)
            self.s3.put_bucket_versioning(
                Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
            )
        self.uri = f"s3://{self.bucket}/hotseat"
        self.registry = open_registry(self.uri)
        self.folder = folder

    def versions(self, count):
        """Publish some versions and promote the first."""
        for number in range(count):
            self.publish(self.registry, model="sentiment", positive=0.9 - number / 10)
        self.registry.promote(Reference("sentiment", version=1), by="ada")

    def run(self, line, status=0):
        """Run one command of the document and return its output."""
        line = line.replace("s3://elsewhere/", f"s3://{self.elsewhere}/")
        program, *arguments = shlex.split(line)
        assert program == "hotseat"
        assert _cli.main(arguments) == status, self.capsys.readouterr().err
        captured = self.capsys.readouterr()
        return captured.out + captured.err

    def drill(self, number):
        """Run all `hotseat` commands of a drill and return their output, joined."""
        lines = [x for x in commands(DRILLS[number]) if x.startswith("hotseat ")]
        assert lines
        return "".join(self.run(line) for line in lines)

    def live(self, alias="live", registry=None):
        """Return the version number of an alias."""
        return (registry or self.registry).aliases("sentiment")[alias]


@pytest.fixture
def operator(aws, moto_server, tmp_path, monkeypatch, capsys, publish):
    """An operator with a registry in a bucket."""
    aws.setenv("AWS_ENDPOINT_URL", moto_server)
    aws.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    operator = Operator(tmp_path, capsys, publish)
    aws.setenv("HOTSEAT_REGISTRY", operator.uri)
    return operator


def test_every_drill_has_a_test():
    """The drills have consecutive numbers, and each has a test."""
    assert list(DRILLS) == list(range(1, 11))
    tests = re.findall(r"^test_drill_(\d+)_", "\n".join(globals()), re.MULTILINE)
    assert sorted(map(int, tests)) == sorted(DRILLS)


def test_other_commands_and_targets_exist():
    """Make targets are in the Makefile, and stacks of cdk commands exist."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", OPERATORS):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for line in commands(OPERATORS):
        program = line.split()[0]
        assert program in {"hotseat", "cd", "npm", "npx", "aws"}, line
        if program == "npx":
            assert re.fullmatch(
                r"npx cdk "
                r"(bootstrap -c stage=dev|(deploy|destroy) -c stage=dev "
                r"(--all|Hotseat-dev-Service))",
                line,
            ), line


def test_drill_01_deploy(operator, shipped):
    """`check` compares the file with the registry; the named outputs exist."""
    (operator.folder / "infra").symlink_to(ROOT / "infra")
    (line,) = (x for x in commands(DRILLS[1]) if x.startswith("hotseat "))
    assert "no model 'sentiment'" in operator.run(line, status=1)
    operator.versions(1)
    assert "sentiment@1" in operator.run(line)
    dev = shipped["dev"]
    for name in ("Uri", "Key", *(f"{role.title()}Role" for role in ROLES)):
        assert dev.registry.find_outputs(name)
        assert f"`{name}`" in OPERATORS
    assert dev.service.find_outputs("Url")
    dev.service.has_resource_properties(
        "AWS::ApiGateway::ApiKey", {"Name": "hotseat-dev-demo-game"}
    )


def test_drill_02_publish_and_promote(operator):
    """The alias moves, and the ledger records the reason."""
    operator.versions(2)
    assert "less noise" in operator.drill(2)
    assert operator.live() == 2


def test_drill_03_roll_back(operator):
    """The alias is back at its former version, with the reason in the ledger."""
    operator.versions(2)
    operator.registry.promote(Reference("sentiment", version=2), by="ada")
    operator.drill(3)
    assert operator.live() == 1
    assert "false alarms" in operator.run("hotseat model history sentiment")


def test_drill_04_roll_back_the_code(shipped, synthesize, tmp_path):
    """The former commit gives the former templates; the registry is untouched."""
    prod = shipped["prod"]
    (stage,) = prod.stages
    models = {n: replace(m, memory_mb=3008) for n, m in stage.models.items()}
    newer = synthesize(tmp_path / "newer", replace(stage, models=models))
    older = synthesize(tmp_path / "older", stage)
    assert newer.service.to_json() != older.service.to_json()
    assert older.service.to_json() == prod.service.to_json()
    assert newer.registry.to_json() == older.registry.to_json()


def test_drill_05_when_an_alarm_fires(full):
    """Each alarm of the stack is in the table, and its text links to the drill."""
    rows = re.findall(r"^\| ((?:[A-Z]\w+(?:, )?)+) \|", DRILLS[5], re.MULTILINE)
    named = {name for row in rows for name in row.split(", ")}
    operator = full.service.find_resources("AWS::CloudWatch::Alarm")
    named -= {"Maintenance", "Down"}  # full has neither
    kinds = {
        re.sub(
            r"^(?:[a-z]+|WatchApi|WatchQuotas|Watch(?=Maint))|[0-9A-F]{8}$", "", name
        )
        for name in operator
    }
    assert kinds == named
    for alarm in operator.values():
        assert (
            "docs/how-to/operate.md, drill 5" in alarm["Properties"]["AlarmDescription"]
        )


def test_drill_06_static_and_canary(operator):
    """The version is baked unchanged, and the second alias moves alone."""
    operator.versions(2)
    operator.drill(6)
    baked = open_registry(str(operator.folder / "functions/baked/sentiment"))
    assert baked.versions("sentiment") == [2]
    assert (operator.live(), operator.live("canary")) == (1, 2)


def test_drill_07_rotate_a_key(operator, everything, synthesize, tmp_path, pair, full):
    """A second game does not change the first one's key; the new key suffices."""
    api = replace(everything.api, games=("chess", "chess-2", "racing"))
    more = synthesize(tmp_path / "more", replace(everything, api=api))
    kind = "AWS::ApiGateway::ApiKey"
    before, after = (m.service.find_resources(kind) for m in (full, more))
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    operator.versions(2)
    for name, path in zip(("new.pem", "new.pub"), pair("new"), strict=True):
        (operator.folder / name).write_bytes(path.read_bytes())
    verify = next(
        x for x in commands(DRILLS[7]) if x.startswith("hotseat model verify")
    )
    assert operator.run(verify, status=1)
    operator.drill(7)


def test_drill_08_restore(operator):
    """A damaged object is found; deleting that version of it repairs it."""
    operator.versions(2)
    verify, *_ = commands(DRILLS[8])
    assert operator.run(verify)
    (blob, *_) = (
        item["Key"]
        for item in operator.s3.list_objects_v2(Bucket=operator.bucket)["Contents"]
        if "/blobs/" in item["Key"]
    )
    operator.s3.put_object(Bucket=operator.bucket, Key=blob, Body=b"damaged")
    assert blob.rpartition("/")[2][:8] in operator.run(verify, status=1)
    listed = operator.s3.list_object_versions(Bucket=operator.bucket, Prefix=blob)[
        "Versions"
    ]
    newest = next(item for item in listed if item["IsLatest"])
    operator.s3.delete_object(
        Bucket=operator.bucket, Key=blob, VersionId=newest["VersionId"]
    )
    operator.drill(8)
    other = open_registry(f"s3://{operator.elsewhere}/hotseat")
    assert other.versions("sentiment") == [1]


def test_drill_09_a_second_region(operator):
    """The copy has the same digests in the other registry, and is live."""
    operator.versions(2)
    operator.drill(9)
    other = open_registry(f"s3://{operator.elsewhere}/hotseat")
    assert operator.live(registry=other) == 1
    copied = other.resolve(Reference("sentiment", version=1))
    here = operator.registry.resolve(Reference("sentiment", version=2))
    assert copied.files == here.files


def test_drill_10_tear_down(shipped, full):
    """The service is deleted alone; the registry is protected by default."""
    registry, service = shipped["dev"].stacks[0]
    assert service.stack_name == "Hotseat-dev-Service"
    assert registry.termination_protection
    retained = {"AWS::S3::Bucket", "AWS::KMS::Key"}
    for template, policies in (
        (shipped["dev"].registry, {"Retain"}),
        (full.registry, {"Delete"}),
    ):
        resource = template.to_json()["Resources"].values()
        assert {
            r["DeletionPolicy"] for r in resource if r["Type"] in retained
        } == policies
    # of the service only the account's role for API Gateway's logs stays
    stays = {
        resource["Type"]
        for name, resource in shipped["dev"].service.to_json()["Resources"].items()
        if resource.get("DeletionPolicy") == "Retain"
        and not resource["Type"].startswith("AWS::Lambda::Version")
    }
    assert stays == {"AWS::IAM::Role", "AWS::ApiGateway::Account"}


def test_the_reference_is_up_to_date():
    """docs/reference/deployment.md is what `make reference` writes."""
    assert (ROOT / "docs/reference/deployment.md").read_text("utf-8") == document()
