"""docs/operators.md, drill by drill: its commands run, the rest read in templates.

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
from hotseat_registry import Reference, open_registry

ROOT = Path(__file__).parents[3]
OPERATORS = (ROOT / "docs/operators.md").read_text("utf-8")
DRILLS = {
    int(number): text
    for number, text in re.findall(
        r"^## (\d+)\. (.*?)(?=^## )", OPERATORS, re.MULTILINE | re.DOTALL
    )
}


def shown(text):
    """The commands of a drill's blocks, in order."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


class Room:
    """An operator's place: a registry in a bucket, and a folder to work in."""

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
        """Publish some, the first of which is live."""
        for number in range(count):
            self.publish(self.registry, model="sentiment", positive=0.9 - number / 10)
        self.registry.promote(Reference("sentiment", version=1), by="ada")

    def run(self, line, status=0):
        """Run one command as the document has it; what it printed."""
        line = line.replace("s3://elsewhere/", f"s3://{self.elsewhere}/")
        program, *arguments = shlex.split(line)
        assert program == "hotseat"
        assert _cli.main(arguments) == status, self.capsys.readouterr().err
        said = self.capsys.readouterr()
        return said.out + said.err

    def drill(self, number):
        """Run all `hotseat` commands of a drill; what they printed, joined."""
        lines = [x for x in shown(DRILLS[number]) if x.startswith("hotseat ")]
        assert lines
        return "".join(self.run(line) for line in lines)

    def live(self, alias="live", registry=None):
        """The number that an alias has."""
        return (registry or self.registry).aliases("sentiment")[alias]


@pytest.fixture
def room(aws, moto_server, tmp_path, monkeypatch, capsys, publish):
    """An operator's place."""
    aws.setenv("AWS_ENDPOINT_URL", moto_server)
    aws.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    made = Room(tmp_path, capsys, publish)
    aws.setenv("HOTSEAT_REGISTRY", made.uri)
    return made


def test_every_drill_is_here():
    """The drills are numbered without a gap, and each has a test of its number."""
    assert list(DRILLS) == list(range(1, 11))
    tests = re.findall(r"^test_drill_(\d+)_", "\n".join(globals()), re.MULTILINE)
    assert sorted(map(int, tests)) == sorted(DRILLS)


def test_what_is_not_hotseat_is_there_too():
    """Targets are the Makefile's, and cdk is asked for stacks that a stage has."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", OPERATORS):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for line in shown(OPERATORS):
        program = line.split()[0]
        assert program in {"hotseat", "cd", "npx", "aws"}, line
        if program == "npx":
            assert re.fullmatch(
                r"npx aws-cdk@2 (bootstrap -c stage=dev|(deploy|destroy) -c stage=dev "
                r"(--all|Hotseat-dev-Service))",
                line,
            ), line


def test_drill_01_deploy(room, shipped):
    """Check holds the file against the registry; the outputs that are named exist."""
    (room.folder / "infra").symlink_to(ROOT / "infra")
    (line,) = (x for x in shown(DRILLS[1]) if x.startswith("hotseat "))
    assert "no model 'sentiment'" in room.run(line, status=1)
    room.versions(1)
    assert "sentiment@1" in room.run(line)
    dev = shipped["dev"]
    for name in ("Uri", "Key", "PublisherRole", "OperatorRole", "ReaderRole"):
        assert dev.registry.find_outputs(name)
        assert f"`{name}`" in OPERATORS
    assert dev.service.find_outputs("Url")
    dev.service.has_resource_properties(
        "AWS::ApiGateway::ApiKey", {"Name": "hotseat-dev-demo-game"}
    )


def test_drill_02_publish_and_promote(room):
    """The alias moves, and the ledger says why."""
    room.versions(2)
    assert "less noise" in room.drill(2)
    assert room.live() == 2


def test_drill_03_roll_back(room):
    """The alias is where it was, with the reason in the ledger."""
    room.versions(2)
    room.registry.promote(Reference("sentiment", version=2), by="ada")
    room.drill(3)
    assert room.live() == 1
    assert "false alarms" in room.run("hotseat history sentiment")


def test_drill_04_roll_back_the_code(shipped, synthesize, tmp_path):
    """The commit before gives the templates before; the registry is untouched."""
    prod = shipped["prod"]
    (stage,) = prod.stages
    models = {n: replace(m, memory_mb=3008) for n, m in stage.models.items()}
    newer = synthesize(tmp_path / "newer", replace(stage, models=models))
    older = synthesize(tmp_path / "older", stage)
    assert newer.service.to_json() != older.service.to_json()
    assert older.service.to_json() == prod.service.to_json()
    assert newer.registry.to_json() == older.registry.to_json()


def test_drill_05_when_an_alarm_rings(full):
    """Each alarm of the stack is in the table, and its text leads to it."""
    named = set(re.findall(r"^\| ([A-Z][a-z]+) \|", DRILLS[5], re.MULTILINE))
    made = full.service.find_resources("AWS::CloudWatch::Alarm")
    kinds = {re.sub(r"^[a-z]+|[0-9A-F]{8}$", "", name) for name in made}
    assert kinds == named
    for alarm in made.values():
        assert "docs/operators.md, drill 5" in alarm["Properties"]["AlarmDescription"]


def test_drill_06_static_and_canary(room):
    """The version is baked as it is, and an alias of its own moves alone."""
    room.versions(2)
    room.drill(6)
    baked = open_registry(str(room.folder / "functions/baked/sentiment"))
    assert baked.versions("sentiment") == [2]
    assert (room.live(), room.live("canary")) == (1, 2)


def test_drill_07_rotate_a_key(room, everything, synthesize, tmp_path, pair, full):
    """A second title leaves the first one's key alone; the new key alone is enough."""
    api = replace(everything.api, games=("chess", "chess-2", "racing"))
    more = synthesize(tmp_path / "more", replace(everything, api=api))
    kind = "AWS::ApiGateway::ApiKey"
    before, after = (m.service.find_resources(kind) for m in (full, more))
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    room.versions(2)
    for name, path in zip(("new.pem", "new.pub"), pair("new"), strict=True):
        (room.folder / name).write_bytes(path.read_bytes())
    verify = next(x for x in shown(DRILLS[7]) if x.startswith("hotseat verify"))
    assert room.run(verify, status=1)
    room.drill(7)


def test_drill_08_restore(room):
    """The damaged version of an object is found, taken away, and all is well again."""
    room.versions(2)
    verify, *_ = shown(DRILLS[8])
    assert room.run(verify)
    (blob, *_) = (
        item["Key"]
        for item in room.s3.list_objects_v2(Bucket=room.bucket)["Contents"]
        if "/blobs/" in item["Key"]
    )
    room.s3.put_object(Bucket=room.bucket, Key=blob, Body=b"damaged")
    assert blob.rpartition("/")[2][:8] in room.run(verify, status=1)
    listed = room.s3.list_object_versions(Bucket=room.bucket, Prefix=blob)["Versions"]
    newest = next(item for item in listed if item["IsLatest"])
    room.s3.delete_object(Bucket=room.bucket, Key=blob, VersionId=newest["VersionId"])
    room.drill(8)
    other = open_registry(f"s3://{room.elsewhere}/hotseat")
    assert other.versions("sentiment") == [1]


def test_drill_09_a_second_region(room):
    """The copy has the same digests over there, and is live."""
    room.versions(2)
    room.drill(9)
    other = open_registry(f"s3://{room.elsewhere}/hotseat")
    assert room.live(registry=other) == 1
    copied = other.resolve(Reference("sentiment", version=1))
    here = room.registry.resolve(Reference("sentiment", version=2))
    assert copied.files == here.files


def test_drill_10_tear_down(shipped, full):
    """The service goes alone; the registry is protected unless the file gives it up."""
    registry, service = shipped["dev"].stacks[0]
    assert service.stack_name == "Hotseat-dev-Service"
    assert registry.termination_protection
    kept = {"AWS::S3::Bucket", "AWS::KMS::Key"}
    for template, policies in (
        (shipped["dev"].registry, {"Retain"}),
        (full.registry, {"Delete"}),
    ):
        found = template.to_json()["Resources"].values()
        assert {r["DeletionPolicy"] for r in found if r["Type"] in kept} == policies
    # of the service nothing stays but the account's own role for API Gateway's logs
    stays = {
        found["Type"]
        for name, found in shipped["dev"].service.to_json()["Resources"].items()
        if found.get("DeletionPolicy") == "Retain"
        and not found["Type"].startswith("AWS::Lambda::Version")
    }
    assert stays == {"AWS::IAM::Role", "AWS::ApiGateway::Account"}


def test_the_reference_says_what_the_types_say():
    """docs/deployment.md is up to date: `make reference` writes it."""
    assert (ROOT / "docs/deployment.md").read_text("utf-8") == document()
