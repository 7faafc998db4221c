"""CDK's and our own commands on one stage, and the client of a game."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat import ModelServiceClient, Prediction
from local_cloud import inventory
from local_cloud.gateway.deployed_api import DeployedApi, Function
from local_cloud.gateway.function_container import (
    ARCHITECTURE,
    FunctionContainer,
    free_port,
)
from local_cloud.gateway.rest_api import Gateway, serve
from local_cloud.processes import (
    ACCOUNT,
    REGION,
    ROOT,
    LocalCloud,
    role_credentials,
)

STAGE = "local"
REGISTRY, SERVICE = f"Hotseat-{STAGE}-Registry", f"Hotseat-{STAGE}-Service"
STATIC = "connect-four"
BAKED = ROOT / "functions" / "baked" / STATIC


@dataclass
class Commands:
    """Run commands on the local cloud and write them to the transcript with `say`."""

    cloud: LocalCloud
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self.folder = self.cloud.folder
        self.assembly = self.folder / "cdk.out"
        self.file = self.folder / "deployment.toml"
        text = Path(__file__).with_name("deployment.toml").read_text("utf-8")
        self.full_text = text.replace('"x86_64"', f'"{ARCHITECTURE}"')
        # a baked version has to be published first: its table is added later
        self.file.write_text(
            self.full_text.partition(f"[stages.{STAGE}.models.{STATIC}]")[0]
        )
        self.outputs: dict[str, dict[str, str]] = {}

    def cdk(self, verb: str, *stacks: str, fails: bool = False) -> str:
        """Run ``cdk deploy`` or ``cdk destroy`` of this stage."""
        self.say(f"$ cdk {verb} -c stage={STAGE} {' '.join(stacks)}")
        options: list[object] = ["-c", f"stage={STAGE}", "-c", f"file={self.file}"]
        if verb == "deploy":
            out = self.folder / "outputs.json"
            # direct: moto's change sets give no outputs, and read no old parameters
            options += [
                "--method=direct", "--no-previous-parameters", "--exclusively",
                "--require-approval", "never", "--outputs-file", out,
            ]  # fmt: skip
        else:
            options += ["--force", "--exclusively"]
        output = self.cloud.cdk(
            verb, *options, "--output", self.assembly, *stacks, fails=fails
        )
        if verb == "deploy" and not fails:
            self.outputs |= json.loads((self.folder / "outputs.json").read_text())
            for stack in stacks:
                count = inventory.check_resources(stack, self.assembly, REGION)
                status_ = inventory.status(stack, REGION)
                self.say(f"  {stack}: {status_}, {count} resources as in the template")
        return output

    def hotseat(self, *words: object, fails: bool = False, role: str = "") -> str:
        """Run our command against the deployed registry; `fails`: it has to fail.

        `role` is one of the registry's; without one, an administrator runs it.
        """
        uri = self.outputs[REGISTRY]["Uri"] if self.outputs else ""
        keys = {}
        if role:
            keys = role_credentials(self.outputs[REGISTRY][f"{role.title()}Role"])
        command = " ".join(str(word) for word in words)
        for long in (f"{self.folder}/", f"{uri.rpartition('/')[0]}/"):
            command = command.replace(long, "")
        self.say(f"{role}$ hotseat {command}")
        return self.cloud.hotseat(*words, fails=fails, HOTSEAT_REGISTRY=uri, **keys)

    def edit(self, before: str, after: str) -> None:
        """Change the deployment file."""
        text = self.file.read_text("utf-8")
        assert before in text, before
        self.file.write_text(text.replace(before, after), "utf-8")
        self.say(f"deployment.toml: {before} -> {after}".replace("\n", ", "))

    def bake(self, version: int) -> None:
        """Write a version into the folder that the image is built from."""
        shutil.rmtree(BAKED, ignore_errors=True)
        self.hotseat("deploy", "bake", f"{STATIC}@{version}")

    @contextmanager
    def gateway(self) -> Iterator[Gateway]:
        """Serve the deployed API on loopback; `self.url` is its address."""
        url = self.outputs[SERVICE]["Url"].removeprefix("https://").split("/")
        self.deployed = DeployedApi(REGION, url[0].split(".")[0], url[1])

        def start(function: Function) -> FunctionContainer:
            cloud = self.cloud
            environment = {
                **cloud.lambda_environment,
                **role_credentials(function.role),
            }
            return FunctionContainer(function, cloud.images, self.folder, environment)

        gateway = Gateway(self.deployed, ACCOUNT, start)
        port = free_port()
        server = serve(gateway, port)
        self.url = f"http://127.0.0.1:{port}/{STAGE}"
        try:
            yield gateway
        finally:
            server.shutdown()
            server.server_close()
            gateway.close()

    def client(self, game: str = "first-game") -> ModelServiceClient:
        """Return the SDK's client with the key of a game."""
        key = self.deployed.key(f"hotseat-{STAGE}-{game}")
        return ModelServiceClient(self.url, api_key=key, deadline=60)

    def report(self, how: str, answer: Prediction) -> None:
        """Write an answer and the version that gave it to the transcript."""
        what = answer.label or f"column {answer.action}"
        self.say(
            f"  {how}: {what}, by {answer.model}@{answer.version} ({answer.variant})"
        )

    def board(self) -> Any:
        """Return a position of the game: the input of a golden row."""
        golden = json.loads((self.folder / STATIC / "golden.json").read_text("utf-8"))
        return golden["rows"][0]["input"]


def environment(cloud: LocalCloud) -> None:
    """Point boto3 of this process at moto, and at nothing else."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ |= {k: v for k, v in cloud.environment.items() if k[:4] == "AWS_"}
