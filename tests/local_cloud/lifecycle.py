"""A deployment's whole life, as in docs/how-to/operate.md: deploy, promote, destroy.

The transcript is the same in every run: it has no generated names and no times. So a
test can compare it with docs/how-to/local-cloud.md.
"""

import shutil
import time
from collections.abc import Callable

import boto3
import numpy as np
import urllib3
from tritonclient import http as triton

from hotseat import ModelServiceClient, Prediction
from hotseat.errors import AuthError
from local_cloud import environment_limits, inventory, player_tokens, role_drills
from local_cloud.commands import BAKED, REGISTRY, SERVICE, STAGE, STATIC, Commands
from local_cloud.gateway.rest_api import Gateway
from local_cloud.processes import ACCOUNT, REGION

TEXT = "这是一个简单的文本分类任务"
SMALL = ("--rows", "500", "--max-epochs", "1")
"""A small training: the quality of the model does not matter here."""


class Lifecycle(Commands):
    """The drills, in order; each step checks its own result."""

    def run(self) -> None:
        """Run all steps; leave the checkout as it was."""
        if BAKED.exists():
            raise FileExistsError(f"{BAKED} is there already: move it away first")
        try:
            self._bootstrap()
            self._publish()
            before = self._deploy()
            with self.gateway() as gateway:
                self._call(gateway)
                self._promote_and_roll_back(gateway)
                environment_limits.walk(self, gateway)
                self._update(gateway)
                role_drills.walk(self)
                self._fail_an_update(gateway)
                self._rotate_a_key(gateway)
                player_tokens.walk(self, gateway)
            self._restore_a_file()
            self._destroy(before)
        finally:
            shutil.rmtree(BAKED, ignore_errors=True)

    def _bootstrap(self) -> None:
        self.say("\n1. Bootstrap the account and deploy a registry")
        self.say(f"$ cdk bootstrap aws://{ACCOUNT}/{REGION}")
        self.cloud.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", "")
        assert inventory.status("CDKToolkit", REGION) == "CREATE_COMPLETE"
        self.cdk("deploy", REGISTRY)
        assert {"Uri", "PublisherRole", "ApproverRole", "CollectorRole"} <= set(
            self.outputs[REGISTRY]
        )

    def _publish(self) -> None:
        self.say("\n2. Publish versions to the new bucket")
        run, games = self.folder / "sentiment", self.folder / STATIC
        self.hotseat("train", "sentiment", "--run", run, *SMALL)
        self.hotseat("quantize", run)
        self.hotseat("evaluate", run)
        self.hotseat("publish", run, "--variant", "fp32", role="publisher")
        small = ("--variant", "int8-dynamic", "--max-quality-drop", "5")
        self.hotseat("publish", run, *small, role="publisher")
        self.hotseat("train", STATIC, "--pretrained", "--run", games)
        for _ in range(2):
            self.hotseat("publish", games, role="publisher")
        promote = ("model", "promote", "sentiment@1", "--because", "first")
        self.hotseat(*promote, role="approver")
        self._check_write_conditions()

    def _check_write_conditions(self) -> None:
        """The bucket refuses a manifest without a condition, and a second one."""
        bucket, _, prefix = self.outputs[REGISTRY]["Uri"][5:].partition("/")
        s3 = boto3.client("s3", region_name=REGION)
        for version, condition, status in (
            (9, {}, 403),
            (1, {}, 403),
            (1, {"IfNoneMatch": "*"}, 412),
        ):
            key = f"{prefix}/models/sentiment/versions/{version}.json"
            actual = 200
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=b"{}", **condition)
            except s3.exceptions.ClientError as error:
                actual = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert actual == status, (key, condition, actual)
        self.say("  a manifest written without a condition: refused by the bucket")
        self.say("  a manifest written again: refused by the bucket")

    def _deploy(self) -> inventory.Inventory:
        self.say("\n3. Deploy the service: one static model, one that follows live")
        self.file.write_text(self.full_text)
        self.say(f"deployment.toml: {STATIC} is added, mode static, version 1")
        self.bake(1)
        self.hotseat("deploy", "check", "--stage", STAGE, "--file", self.file)
        before = inventory.read_account(REGION)
        self.cdk("deploy", SERVICE)
        for kind, names in inventory.added(
            inventory.read_account(REGION), before
        ).items():
            self.say(f"  {kind}: {len(names)}")
        return before

    def _call(self, gateway: Gateway) -> None:
        self.say("\n4. Call it over HTTP, with a key and without")
        with ModelServiceClient(self.url, deadline=60) as nobody:
            error = _auth_error(lambda: nobody.predict(TEXT))
        self.say(f"  without a key: {error.status}, code {error.code}")
        unknown = urllib3.request("GET", f"{self.url}/elsewhere", retries=False)
        assert (unknown.status, unknown.json()["code"]) == (404, "not_found")
        self.say(
            f"  no such route: {unknown.status}, {unknown.headers['content-type']}"
        )
        with self.client() as game:
            self.report("the text model", game.predict(TEXT))
            move = game.choose(self.board(), model=STATIC, level="hard")
            assert (move.model, move.version) == (STATIC, 1)
            self.report("the game model", move)
        self._call_in_binary()
        assert gateway.versions() == {"sentiment": "1", STATIC: "1"}

    def _call_in_binary(self) -> None:
        """Send and receive binary tensors with Triton's own client."""
        rows = np.zeros((3, 2, 6, 7), np.float32)
        board = triton.InferInput("board", rows.shape, "FP32")
        board.set_data_from_numpy(rows)
        key = self.deployed.key(f"hotseat-{STAGE}-first-game")
        client = triton.InferenceServerClient(
            self.url.removeprefix("http://"), network_timeout=60
        )
        try:
            answer = client.infer(STATIC, [board], headers={"x-api-key": key})
            policy = answer.as_numpy("policy")
        finally:
            client.close()
        assert policy.shape == (3, 7)
        self.say("  tritonclient, binary tensors both ways: policy [3, 7]")

    def _promote_and_roll_back(self, gateway: Gateway) -> None:
        self.say("\n5. Promote and roll back without a deploy")
        with self.client() as game:
            first = game.predict(TEXT)
            for verb, words, number, variant in (
                ("promote", ("sentiment@2", "--because", "smaller"), 2, "int8-dynamic"),
                ("rollback", ("sentiment", "--because", "the drill"), 1, "fp32"),
            ):
                self.hotseat("model", verb, *words, role="approver")
                answer = _wait_for_version(lambda: game.predict(TEXT), number)
                assert answer.variant == variant
                self.report("the same function", answer)
            assert dict(answer.scores) == dict(first.scores)
        assert gateway.versions()["sentiment"] == "1"

    def _update(self, gateway: Gateway) -> None:
        self.say("\n7. Update in place: more memory, another version, a second game")
        self.edit("memory_mb = 512", "memory_mb = 1024")
        self.edit("version = 1", "version = 2")
        self.edit('games = ["first-game"]', 'games = ["first-game", "second-game"]')
        self.bake(2)
        self.cdk("deploy", SERVICE)
        with self.client() as game:
            self.report("the text model", game.predict(TEXT))
            move = game.choose(self.board(), model=STATIC, level="hard")
            assert move.version == 2
            self.report("the game model", move)
        assert gateway.versions() == {"sentiment": "2", STATIC: "2"}
        assert gateway.memory() == {"sentiment": 1024, STATIC: 1024}
        self.say("  both aliases moved to Lambda's version 2; sentiment has 1024 MB")
        self._move_the_code_back(gateway)

    def _move_the_code_back(self, gateway: Gateway) -> None:
        """Drill 4: the former version of the function answers, without a build."""
        at = ("--stage", STAGE, "--file", self.file)
        with self.client() as game:
            for more, number, memory in (((), "1", 512), (("--to", 2), "2", 1024)):
                self.hotseat("deploy", "rollback", "sentiment", *at, *more)
                self.report("the text model", game.predict(TEXT))
                assert gateway.versions()["sentiment"] == number
                assert gateway.memory()["sentiment"] == memory
                self.say(f"  Lambda's version {number}, {memory} MB")

    def _fail_an_update(self, gateway: Gateway) -> None:
        self.say("\n9. An update that fails is rolled back")
        before = inventory.read_account(REGION)
        self.edit("memory_mb = 1024", "memory_mb = 2048\nreserved_concurrency = 950")
        output = self.cdk("deploy", SERVICE, fails=True)
        assert "UnreservedConcurrentExecution below its minimum" in output, output[
            -3000:
        ]
        status = inventory.status(SERVICE, REGION)
        assert status == "UPDATE_ROLLBACK_COMPLETE", status
        assert inventory.read_account(REGION) == before
        self.say(f"  {SERVICE}: {status}; the account is unchanged")
        with self.client() as game:
            self.report("as before", game.predict(TEXT))
        assert gateway.memory()["sentiment"] == 1024
        self.edit("memory_mb = 2048\nreserved_concurrency = 950", "memory_mb = 1024")

    def _rotate_a_key(self, gateway: Gateway) -> None:
        self.say("\n10. Rotate a key: add the second game's, remove the first one's")
        old = self.client()
        with self.client("second-game") as game, old:
            self.report("with the new key", game.predict(TEXT))
            self.edit('"first-game", "second-game"', '"second-game"')
            self.cdk("deploy", SERVICE)
            self.report("with the new key", game.predict(TEXT))
            error = _auth_error(lambda: old.predict(TEXT))
            self.say(f"  with the old key: {error.status}, code {error.code}")
        assert gateway.versions() == {"sentiment": "2", STATIC: "2"}

    def _restore_a_file(self) -> None:
        self.say("\n12. Find a damaged file and restore it from the bucket's versions")
        bucket, _, prefix = self.outputs[REGISTRY]["Uri"][5:].partition("/")
        s3 = boto3.client("s3", region_name=REGION)
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/blobs/")
        key = max(listed["Contents"], key=lambda item: item["Size"])["Key"]
        # the bucket's policy lets nobody overwrite a blob
        policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=b"damaged")
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
        output = self.hotseat("model", "verify", fails=True, role="reader")
        assert key.rpartition("/")[2] in output, output
        self.say("  the damage is found")
        (damaged,) = (
            item
            for item in s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
            if item["IsLatest"]
        )
        s3.delete_object(Bucket=bucket, Key=key, VersionId=damaged["VersionId"])
        self.say("$ aws s3api delete-object (that version of it)")
        self.hotseat("model", "verify", role="reader")
        self.say("  no damage")

    def _destroy(self, before: inventory.Inventory) -> None:
        self.say("\n13. Destroy the service, then the registry's stack")
        self.cdk("destroy", SERVICE)
        assert inventory.status(SERVICE, REGION) == ""
        left = inventory.added(inventory.read_account(REGION), before)
        (role,) = left.pop("roles")
        assert "CloudWatchRole" in role, role
        assert left == {}, left
        self.say(
            f"  {SERVICE} is deleted, "
            "with all its resources except the log role of all APIs"
        )
        self.cdk("destroy", REGISTRY, fails=True)
        self.say(f"  {REGISTRY} is protected from termination")
        boto3.client(
            "cloudformation", region_name=REGION
        ).update_termination_protection(
            StackName=REGISTRY, EnableTerminationProtection=False
        )
        self.say(
            "$ aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {REGISTRY}"
        )
        self.cdk("destroy", REGISTRY)
        assert inventory.status(REGISTRY, REGION) == ""
        now = inventory.read_account(REGION)
        assert now["buckets"] == before["buckets"]
        assert now["keys"] == before["keys"]
        gone = inventory.added(before, now)
        assert set(gone) == {"roles"}, gone
        self.say("  its roles are deleted; both buckets and the key are kept")
        output = self.hotseat("model", "versions", "sentiment")
        assert "sentiment@3" in output, output  # the mover's
        self.say("  the registry still lists sentiment@1 to sentiment@3")


def _auth_error(ask: Callable[[], Prediction]) -> AuthError:
    """Return the error that a request without a valid key raises."""
    try:
        answer = ask()
    except AuthError as error:
        return error
    raise AssertionError(f"answered by {answer.model}@{answer.version}")


def _wait_for_version(ask: Callable[[], Prediction], version: int) -> Prediction:
    """Send requests until `version` answers: a promote is live within seconds."""
    end = time.monotonic() + 20
    while (answer := ask()).version != version:
        assert time.monotonic() < end, f"version {version} was not live in 20 s"
        time.sleep(0.1)
    return answer
