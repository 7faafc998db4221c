"""Each role of the registry does its work, and nothing else, with IAM enforced.

The roles' policies and the bucket's are the synthesized ones. Moto checks a role's
actions and resources when told to, but no conditions; the bucket's policy is checked by
`local_cloud.moto_server.bucket_policy`.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from local_cloud.gateway.function_container import free_port

from hotseat_infra.deployment.rules import ROLES
from hotseat_registry import Reference, Registry, archive
from hotseat_registry.errors import RegistryError, StoreError
from hotseat_registry.gc import collect_garbage
from hotseat_registry.stores.s3 import S3Store
from hotseat_registry.testing import MemoryStore
from hotseat_registry.trust import LocalKey, sign
from hotseat_registry.wrapping_keys import KmsKey
from hotseat_serve.runtime.loader import load
from hotseat_serve.settings import Settings

BUCKET = "registry-bucket"
ACCOUNT = "123456789012"
TESTS = Path(__file__).parents[2]
SIGNATURE = json.dumps(
    {"verificationMaterial": {"publicKey": {"hint": "abc"}}}
).encode()


def resolved(value, roles):
    """Return a part of the template with its references replaced."""
    if isinstance(value, list):
        return [resolved(item, roles) for item in value]
    if not isinstance(value, dict):
        return value
    (kind, item), *more = value.items()
    if more or kind not in {"Fn::GetAtt", "Fn::Join", "Ref"}:
        return {key: resolved(part, roles) for key, part in value.items()}
    if kind == "Fn::Join":
        return "".join(resolved(part, roles) for part in item[1])
    if kind == "Ref":
        return "aws" if item == "AWS::Partition" else BUCKET
    key = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k"
    bucket = f"arn:aws:s3:::{BUCKET}"
    return roles.get(item[0], key if "Key" in item[0] else bucket)


@dataclass
class Account:
    """The bucket with its policy, and the keys of each role."""

    keys: dict

    def client(self, role):
        """Return boto3's client of a role, without the store's own conditions."""
        return boto3.client("s3", **self.keys[role])

    def registry(self, role, prefix="hotseat", days=0):
        """Return the registry as a role sees it, some days later."""
        registry = Registry(S3Store(f"s3://{BUCKET}/{prefix}", s3=self.client(role)))
        now = registry.clock
        registry.clock = lambda: now() + timedelta(days=days)
        return registry


@pytest.fixture(scope="module")
def cloud():
    """The local cloud's account, in a process of its own; its URL."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    path = os.pathsep.join([str(TESTS), environment.get("PYTHONPATH", "")])
    server = subprocess.Popen(
        [sys.executable, "-m", "local_cloud.moto_server.server", str(port)],
        env={**environment, "PYTHONPATH": path, "AWS_DEFAULT_REGION": "eu-west-1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://localhost:{port}"
    end = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < end, "the local cloud did not start"
            time.sleep(0.1)
    yield url
    server.terminate()
    server.wait(10)


@pytest.fixture
def account(full, aws, cloud):
    """The synthesized roles and the bucket's policy, enforced."""
    aws.setenv("AWS_ENDPOINT_URL", cloud)
    aws.setenv("AWS_DEFAULT_REGION", "eu-west-1")

    def post(path, body=b""):
        request = urllib.request.Request(
            f"{cloud}/moto-api/{path}", body, {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request, timeout=60).close()

    def enforce(after):
        post("reset-auth", str(after).encode())

    post("reset")
    enforce(1_000)
    template = full.registry.to_json()["Resources"]
    names = {
        logical: role
        for logical, resource in template.items()
        for role in ROLES
        if resource["Type"] == "AWS::IAM::Role"
        and logical.startswith(f"Registry{role.title()}")
    }
    assert sorted(names.values()) == sorted(ROLES)
    arns = {n: f"arn:aws:iam::{ACCOUNT}:role/{role}" for n, role in names.items()}
    policies = {role: [] for role in ROLES} | {
        "administrator": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    }
    for name, resource in template.items():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        (role,) = (r for r in ROLES if name.startswith(f"Registry{r.title()}"))
        written = resource["Properties"]["PolicyDocument"]["Statement"]
        policies[role] += [
            {k: v for k, v in statement.items() if k != "Condition"}
            for statement in resolved(written, arns)
        ]
    iam, sts, s3 = (boto3.client(name) for name in ("iam", "sts", "s3"))
    s3.create_bucket(
        Bucket=BUCKET,
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    keys_by_role = {}
    for role, statements in policies.items():
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document)
        keys = sts.assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="test"
        )["Credentials"]
        keys_by_role[role] = {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }
    (policy,) = (
        resource["Properties"]["PolicyDocument"]
        for name, resource in template.items()
        if resource["Type"] == "AWS::S3::BucketPolicy"
        and not name.startswith("RegistryAccessLogs")
    )
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(resolved(policy, arns)))
    enforce(0)
    yield Account(keys_by_role)
    enforce(float("inf"))


@pytest.fixture
def versions(account, bundle):
    """Two versions that the publisher published; the approver promoted the second."""
    published = []
    for word in ("one", "two"):
        manifest, files = bundle(word=word)
        published.append(
            (account.registry("publisher").publish(manifest, files, by="p"), files)
        )
    account.registry("approver").promote(Reference("mood", version=2), by="a")
    return published


def denied(call):
    """The call is refused by a policy."""
    with pytest.raises(StoreError, match="AccessDenied"):
        call()


def test_a_publisher_publishes_and_promotes_nothing(account, versions):
    """It neither promotes, signs nor collects garbage."""
    registry = account.registry("publisher")
    denied(lambda: registry.promote(Reference("mood", version=1), by="p"))
    denied(lambda: archive.add_signature(registry, versions[0][0], SIGNATURE))
    denied(lambda: collect_garbage(account.registry("publisher", days=40), by="p"))


@pytest.mark.usefixtures("versions")
def test_a_publisher_publishes_again_what_gc_has_noted(account, bundle):
    """It removes the tombstone of bytes that it names again."""
    collect_garbage(account.registry("collector", days=40), by="c")
    manifest, files = bundle(word="one")
    again = account.registry("publisher", days=40).publish(manifest, files, by="p")
    assert again.version == 3
    report = collect_garbage(account.registry("collector", days=50), by="c")
    assert not set(report.removed) & {f.sha256 for f in again.files.values()}


def test_an_approver_moves_aliases_and_writes_no_bytes(account, versions, bundle):
    """It promotes and rolls back; it neither publishes nor signs."""
    registry = account.registry("approver")
    registry.promote(Reference("mood", version=1), by="a")
    registry.rollback("mood", by="a")
    assert registry.aliases("mood") == {"live": 2}
    manifest, files = bundle(word="three")
    denied(lambda: registry.publish(manifest, files, by="a"))
    denied(lambda: archive.add_signature(registry, versions[0][0], SIGNATURE))


def test_a_signer_signs_once_and_nothing_else(account, versions, pair):
    """A second signature of the same key is not written over the first."""
    private, _ = pair("k")
    registry, (manifest, files) = account.registry("signer"), versions[1]
    signature = sign(manifest, LocalKey(private))
    archive.add_signature(registry, manifest, signature)
    archive.add_signature(registry, manifest, sign(manifest, LocalKey(private)))
    assert account.registry("reader").signatures(manifest) == [signature]
    denied(lambda: registry.promote(Reference("mood", version=1), by="s"))
    denied(lambda: registry.publish(manifest, files, by="s"))


def test_a_mover_copies_and_imports_signed_versions(account, versions, pair, tmp_path):
    """Into a registry with the same roles, with the signatures; it promotes nothing."""
    private, _ = pair("k")
    manifest, _ = versions[1]
    archive.add_signature(
        account.registry("signer"), manifest, sign(manifest, LocalKey(private))
    )
    # the same bucket stands for another region's: the roles are the same
    source, target = account.registry("reader"), account.registry("mover")
    file = tmp_path / "one.tar"
    archive.write(versions[0][0], source, file)
    assert archive.read(file, target, by="m").version == 3
    copied = archive.copy(manifest, source, target, by="m")
    assert len(account.registry("reader").signatures(copied)) == 1
    denied(lambda: target.promote(Reference("mood", version=copied.version), by="m"))


def test_a_collector_removes_what_is_unused(account, versions):
    """It publishes nothing, and nobody else removes a blob."""
    collector = account.registry("collector", days=40)
    first = collect_garbage(collector, by="c")
    assert first.retired == ("mood@1",)
    removed = collect_garbage(account.registry("collector", days=50), by="c").removed
    assert removed
    manifest, files = versions[0]
    denied(lambda: collector.publish(manifest, files, by="c"))


@pytest.mark.parametrize("role", ["administrator", "publisher", "mover", "approver"])
@pytest.mark.usefixtures("versions")
def test_nobody_else_removes_or_overwrites(account, role):
    """Not even an administrator deletes or overwrites a blob, manifest or entry."""
    client = account.client(role)
    listed = account.client("reader").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert len(listed) >= 4
    for item in listed:
        for call, more in (("delete_object", {}), ("put_object", {"Body": b"x"})):
            with pytest.raises(ClientError, match=r"AccessDenied|403"):
                getattr(client, call)(Bucket=BUCKET, Key=item["Key"], **more)


@pytest.mark.usefixtures("versions")
def test_a_reader_reads_and_writes_nothing(account, bundle):
    """It resolves and downloads; each write is denied."""
    registry = account.registry("reader")
    assert registry.resolve(Reference("mood", alias="live")).version == 2
    manifest, files = bundle(word="three")
    denied(lambda: registry.publish(manifest, files, by="r"))
    denied(lambda: registry.promote(Reference("mood", version=1), by="r"))


@pytest.mark.usefixtures("versions")
def test_a_blob_is_uploaded_once(account, tmp_path):
    """The upload of bytes that are there already, in one part or more, is refused."""
    path = tmp_path / "large"
    for size in (10, 9 << 20):
        path.write_bytes(b"1" * size)
        key = f"blobs/sha256/aa/{size}"
        store = account.registry("publisher").store
        assert store.upload(key, path)
        assert not store.upload(key, path)
    with contextlib.suppress(RegistryError):
        store.write(key, b"2")
    stored = account.client("reader").head_object(Bucket=BUCKET, Key=f"hotseat/{key}")
    assert stored["ContentLength"] == 9 << 20


def test_a_function_decrypts_its_own_model_alone(
    everything, synthesize, aws, cloud, bundle, tmp_path
):
    """The publisher's role encrypts, churn's function decrypts churn and nothing else.

    The policies are the synthesized ones, with their conditions.
    """
    aws.setenv("AWS_ENDPOINT_URL", cloud)
    aws.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    arn = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    stage = replace(everything, encryption_keys=(arn,))
    synthesized = synthesize(tmp_path / "synth", stage)
    iam, sts = boto3.client("iam"), boto3.client("sts")

    def become(template, start):
        statements = [
            statement
            for name, resource in template.to_json()["Resources"].items()
            if resource["Type"] == "AWS::IAM::Policy" and name.startswith(start)
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]
            if arn in json.dumps(statement["Resource"])
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        aws.setenv("AWS_ACCESS_KEY_ID", "test")
        aws.setenv("AWS_SECRET_ACCESS_KEY", "test")
        aws.delenv("AWS_SESSION_TOKEN", raising=False)
        role = f"sealed-{start}"
        iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document)
        keys = sts.assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="test"
        )["Credentials"]
        aws.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
        aws.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
        aws.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])

    registry = Registry(MemoryStore())
    become(synthesized.registry, "RegistryPublisher")
    for model in ("churn", "sentiment"):
        manifest, files = bundle(model)
        registry.publish(manifest, files, by="p", encrypt=KmsKey(arn))
    settings = Settings(cache=str(tmp_path / "cache"), decrypt_keys=arn)
    with pytest.raises(StoreError, match=r"403.*kms:Decrypt.*encryption_keys"):
        load(registry, Reference("churn", version=1), settings)
    become(synthesized.service, "churnRole")
    assert load(registry, Reference("churn", version=1), settings).predict(["good"])
    with pytest.raises(StoreError, match="let the role kms:"):
        load(registry, Reference("sentiment", version=1), settings)
    with pytest.raises(StoreError, match="let the role kms:"):
        KmsKey(arn).new("churn")
