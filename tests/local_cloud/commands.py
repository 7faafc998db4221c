"""One stage on the machine: CDK's and our own commands, and a game that asks."""

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
from local_cloud.gateway.deployed_api import Deployed, Function
from local_cloud.gateway.function_container import ARCHITECTURE, Sandbox, free_port
from local_cloud.gateway.rest_api import Gateway, serve
from local_cloud.processes import ACCOUNT, REGION, ROOT, Machine

STAGE = "local"
REGISTRY, SERVICE = f"Hotseat-{STAGE}-Registry", f"Hotseat-{STAGE}-Service"
STATIC = "connect-four"
BAKED = ROOT / "functions" / "baked" / STATIC


@dataclass
class Commands:
    """Where it happens, and how it is told."""

    machine: Machine
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self.folder = self.machine.folder
        self.assembly = self.folder / "cdk.out"
        self.file = self.folder / "deployment.toml"
        text = Path(__file__).with_name("deployment.toml").read_text("utf-8")
        self.whole = text.replace('"x86_64"', f'"{ARCHITECTURE}"')
        # what is to lie in an image has to be published before: its table comes later
        self.file.write_text(
            self.whole.partition(f"[stages.{STAGE}.models.{STATIC}]")[0]
        )
        self.outputs: dict[str, dict[str, str]] = {}

    def cdk(self, verb: str, *stacks: str, fails: bool = False) -> str:
        """Run ``cdk deploy`` or ``cdk destroy`` of this stage."""
        self.say(f"$ cdk {verb} -c stage={STAGE} {' '.join(stacks)}")
        given: list[object] = ["-c", f"stage={STAGE}", "-c", f"file={self.file}"]
        if verb == "deploy":
            out = self.folder / "outputs.json"
            # direct: moto's change sets give no outputs, and read no old parameters
            given += [
                "--method=direct", "--no-previous-parameters", "--exclusively",
                "--require-approval", "never", "--outputs-file", out,
            ]  # fmt: skip
        else:
            given += ["--force", "--exclusively"]
        told = self.machine.cdk(
            verb, *given, "--output", self.assembly, *stacks, fails=fails
        )
        if verb == "deploy" and not fails:
            self.outputs |= json.loads((self.folder / "outputs.json").read_text())
            for stack in stacks:
                count = inventory.check(stack, self.assembly, REGION)
                standing = inventory.status(stack, REGION)
                self.say(f"  {stack}: {standing}, {count} resources as in the template")
        return told

    def hotseat(self, *words: object, fails: bool = False) -> str:
        """Run our command against the deployed registry; `fails`: it has to."""
        shown = " ".join(str(word) for word in words)
        self.say("$ hotseat " + shown.replace(f"{self.folder}/", ""))
        uri = self.outputs[REGISTRY]["Uri"] if self.outputs else ""
        return self.machine.hotseat(*words, fails=fails, HOTSEAT_REGISTRY=uri)

    def edit(self, before: str, after: str) -> None:
        """Change the deployment file."""
        text = self.file.read_text("utf-8")
        assert before in text, before
        self.file.write_text(text.replace(before, after), "utf-8")
        self.say(f"deployment.toml: {before} -> {after}".replace("\n", ", "))

    def bake(self, version: int) -> None:
        """Write a version into the folder that the image is built from."""
        shutil.rmtree(BAKED, ignore_errors=True)
        self.hotseat("bake", f"{STATIC}@{version}")

    @contextmanager
    def gateway(self) -> Iterator[Gateway]:
        """API Gateway's part, on loopback: where `self.url` leads."""
        made = self.outputs[SERVICE]["Url"].removeprefix("https://").split("/")
        self.deployed = Deployed(REGION, made[0].split(".")[0], made[1])

        def start(function: Function) -> Sandbox:
            machine = self.machine
            return Sandbox(function, machine.images, self.folder, machine.lent)

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

    def client(self, title: str = "first-game") -> ModelServiceClient:
        """The SDK with a title's key."""
        key = self.deployed.key(f"hotseat-{STAGE}-{title}")
        return ModelServiceClient(self.url, api_key=key, deadline=60)

    def tell(self, how: str, answer: Prediction) -> None:
        """Tell who answered what."""
        what = answer.label or f"column {answer.action}"
        self.say(
            f"  {how}: {what}, by {answer.model}@{answer.version} ({answer.variant})"
        )

    def board(self) -> Any:
        """A position of a game: a golden row."""
        golden = json.loads((self.folder / STATIC / "golden.json").read_text("utf-8"))
        return golden["rows"][0]["input"]


def environment(machine: Machine) -> None:
    """Let this process's own boto3 reach moto, and nothing else."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ |= {k: v for k, v in machine.environment.items() if k[:4] == "AWS_"}
