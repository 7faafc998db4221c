"""The processes of the local cloud: started here, and stopped at the end."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self

import boto3

from local_cloud.gateway.function_container import free_port

ROOT = Path(__file__).parents[2]
CDK = ROOT / "infra/node_modules/.bin/cdk"
"""CDK's command as infra/package-lock.json has it; `make deploy-local` installs it."""
ACCOUNT, REGION = "123456789012", "eu-west-1"
REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
log: {{level: error}}
"""
_SECONDS = 400


class CommandError(AssertionError):
    """A command failed, or should have; the message ends with its output."""


class LocalCloud:
    """Moto and a registry of images, and the commands that use them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = f"127.0.0.1:{free_port()}"
        moto = free_port()
        self.endpoint = (
            f"http://localhost:{moto}"  # by name: CDK puts a bucket's name before it
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        self._moto = moto
        self._tags = folder / "tags"

    def __enter__(self) -> Self:
        try:
            self._start(
                sys.executable, "-m", "local_cloud.moto_server.server", str(self._moto)
            )
            settings = self.folder / "registry.yml"
            settings.write_text(
                REGISTRY.format(folder=self.folder / "images", address=self.images)
            )
            self._start("docker-registry", "serve", str(settings))
            for url in (f"{self.endpoint}/moto-api/", f"http://{self.images}/v2/"):
                self._wait(url)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            _stop(process)
        if self._tags.exists():  # the layers stay as podman's cache
            named = set(self._tags.read_text("utf-8").split())
            subprocess.run(["podman", "rmi", *named], capture_output=True, check=False)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every command: no route to the real AWS, no real keys."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        path = [str(Path(sys.executable).parent), inherited["PATH"], "/usr/sbin"]
        return {
            **inherited,
            **self.lambda_environment,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "PATH": os.pathsep.join(path),
            "CDK_DOCKER": str(Path(__file__).with_name("podman_as_docker.py")),
            "HOTSEAT_IMAGES": self.images,
            "HOTSEAT_TAGS": str(self._tags),
            "CDK_DISABLE_VERSION_CHECK": "1",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            "PYTHONUTF8": "1",
        }

    @property
    def lambda_environment(self) -> dict[str, str]:
        """What Lambda adds to a function's environment, but for its role's keys."""
        return {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.endpoint.replace("localhost", "127.0.0.1"),
        }

    def run(
        self, *words: object, at: Path = ROOT, fails: bool = False, **more: str
    ) -> str:
        """Run a command and return its output; `fails`: it has to fail."""
        command = [str(word) for word in words]
        process = subprocess.Popen(
            command,
            cwd=at,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output = process.communicate(timeout=_SECONDS)[0].decode("utf-8", "replace")
        finally:
            _stop(process)
        if bool(process.returncode) != fails:
            raise CommandError(
                f"{' '.join(command)}\nexited {process.returncode}:\n{output[-6000:]}"
            )
        return output

    def cdk(self, *words: object, fails: bool = False) -> str:
        """Run CDK's own command on the application in infra/."""
        return self.run(str(CDK), *words, at=ROOT / "infra", fails=fails)

    def hotseat(self, *words: object, fails: bool = False, **more: str) -> str:
        """Run our own command."""
        command = (sys.executable, "-m", "hotseat._cli")
        return self.run(*command, *words, fails=fails, **more)

    def log(self, lines: int = 60) -> str:
        """Return the last lines of moto's log."""
        output = (self.folder / "server.log").read_text("utf-8", "replace")
        return "\n".join(output.splitlines()[-lines:])

    def _start(self, *command: str) -> None:
        name = "server" if command[0] == sys.executable else command[0]
        where = shutil.which(command[0], path=self.environment["PATH"])
        if where is None:
            raise CommandError(
                f"{command[0]} is not installed: run tests/local_cloud/needs.sh"
            )
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [where, *command[1:]],
                    cwd=Path(__file__).parents[1],
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _wait(self, url: str) -> None:
        end = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
            except OSError:
                dead = [p.args for p in self._processes if p.poll() is not None]
                if dead or time.monotonic() > end:
                    raise CommandError(f"no answer from {url}\n{self.log()}") from None
                time.sleep(0.2)
            else:
                return


def role_credentials(role: str) -> dict[str, str]:
    """Return what Lambda puts into a function's environment: its role's keys."""
    sts = boto3.client("sts", region_name=REGION)
    keys = sts.assume_role(RoleArn=role, RoleSessionName="function")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and all that it started."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
            return
