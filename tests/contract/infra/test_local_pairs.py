"""The ten pairs of `make deploy-pairs` in the local cloud, without CDK's command.

The templates are synthesized in the process and sent to CloudFormation; images are
names in the registry's list, as no function is called.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
import pytest
from local_cloud import inventory
from local_cloud.gateway.function_container import free_port
from local_cloud.pairs import BASE, CHANGES, differences
from local_cloud.podman_as_docker import V2S2
from local_cloud.processes import ACCOUNT, REGION

from hotseat_infra.deployment import read

TESTS = Path(__file__).parents[2]
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
IMAGES = f"cdk-hnb659fds-container-assets-{ACCOUNT}-{REGION}"
STACK = "Hotseat-local-Service"
QUICK = ("stack", "kind", "domain")
"""The changes that the local cloud has most types for; all have a test of templates."""


@pytest.fixture(scope="module")
def cloud():
    """The local cloud's account with a bootstrapped stack's names; boto3 uses it."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    path = os.pathsep.join([str(TESTS), environment.get("PYTHONPATH", "")])
    server = subprocess.Popen(
        [sys.executable, "-m", "local_cloud.moto_server.server", str(port)],
        env={**environment, "PYTHONPATH": path, "AWS_DEFAULT_REGION": REGION},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://localhost:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < end, "the local cloud did not start"
                time.sleep(0.1)
        try:
            _bootstrap()
            yield
        finally:
            server.terminate()
            server.wait(30)


def _bootstrap():
    client = boto3.client
    where = {"LocationConstraint": REGION}
    client("s3").create_bucket(Bucket=ASSETS, CreateBucketConfiguration=where)
    client("ecr").create_repository(repositoryName=IMAGES)
    for name, value in {
        "/cdk-bootstrap/hnb659fds/version": "30",
        "/hotseat/local/registry/bucket": "registry",
        "/hotseat/local/registry/key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
    }.items():
        client("ssm").put_parameter(Name=name, Value=value, Type="String")


@pytest.fixture(scope="module")
def synthesized(synthesize, tmp_path_factory):
    """Return a function from a file's text to the template of its service."""

    def get(text):
        folder = tmp_path_factory.mktemp("pair")
        file = folder / "deployment.toml"
        file.write_text(text)
        (stage,) = synthesize(folder / "out", read(file, "local")).stages
        assert stage.name == "local"
        return _upload(folder / "out")

    return get


def _upload(folder):
    """Store nested templates and the names of images; return the service's template."""
    assets = json.loads((folder / f"{STACK}.assets.json").read_text("utf-8"))
    for file in assets["files"].values():
        (to,) = file["destinations"].values()
        text = (folder / file["source"]["path"]).read_bytes()
        boto3.client("s3").put_object(Bucket=ASSETS, Key=to["objectKey"], Body=text)
    ecr = boto3.client("ecr")
    for image in assets.get("dockerImages", {}).values():
        (to,) = image["destinations"].values()
        tag, digest = to["imageTag"], f"sha256:{to['imageTag']}"
        part = {"digest": digest, "size": 1}
        manifest = {"schemaVersion": 2, "config": part, "layers": [part]}
        ecr.batch_delete_image(repositoryName=IMAGES, imageIds=[{"imageTag": tag}])
        ecr.put_image(
            repositoryName=IMAGES,
            imageTag=tag,
            imageDigest=digest,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=V2S2,
        )
    return (folder / f"{STACK}.template.json").read_text("utf-8")


@pytest.fixture(scope="module")
def base(cloud, synthesized):
    """The stack of the base file, deployed."""
    assert cloud is None
    template = synthesized(BASE)
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=template)
    assert inventory.status(STACK, REGION) == "CREATE_COMPLETE", _reasons()
    return template


def _reasons():
    events = boto3.client("cloudformation").describe_stack_events(StackName=STACK)
    return [
        event.get("ResourceStatusReason", "")
        for event in events["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED")
    ]


def _update(template):
    boto3.client("cloudformation").update_stack(StackName=STACK, TemplateBody=template)
    assert inventory.status(STACK, REGION) == "UPDATE_COMPLETE", _reasons()


@pytest.mark.parametrize("key", CHANGES if "HOTSEAT_ALL_PAIRS" in os.environ else QUICK)
def test_a_key_is_changed_and_changed_back(base, synthesized, key):
    """Both updates succeed, and the account is as before."""
    zone = (
        boto3.client("route53")
        .create_hosted_zone(Name="example.com", CallerReference=key)["HostedZone"]["Id"]
        .rpartition("/")[2]
    )
    before = inventory.read_account(REGION)
    change = CHANGES[key]
    changed = change.apply(change.base).replace("ZONE", zone)
    own_base = base
    if change.base != BASE:
        own_base = synthesized(change.base)
        _update(own_base)
        before = inventory.read_account(REGION)
    _update(synthesized(changed))
    assert inventory.added(inventory.read_account(REGION), before)
    _update(own_base)
    assert differences(inventory.read_account(REGION), before) == []
    if own_base != base:
        _update(base)
