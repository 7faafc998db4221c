"""A function's image run as Lambda runs it: read-only, unprivileged."""

import json
import os
import platform
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from local_cloud.gateway.deployed_api import Function
from local_cloud.gateway.function_logs import FunctionLogs

ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
EMULATOR = Path(sys.prefix) / "clients" / f"aws-lambda-rie-{ARCHITECTURE}"
SETTINGS = """
[containers]
default_ulimits = []
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""
"""Podman's settings for machines where crun or a kernel limit does not work."""
_START_SECONDS = 60


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class FunctionContainer:
    """One running environment of a function's version."""

    def __init__(
        self,
        function: Function,
        images: str,
        folder: Path,
        lambda_environment: Mapping[str, str],
    ) -> None:
        """Pull the image from the registry `images` (host:port) and start it.

        `lambda_environment` is what Lambda adds: region and credentials.
        """
        self.function = function
        self.model = function.environment.get("HOTSEAT_DEFAULT_MODEL", "")
        self.name = (
            f"hotseat-local-{os.getpid()}-{function.version.strip('$')}-{free_port()}"
        )
        image = self._image = f"{images}/{function.image}"
        settings = folder / "containers.conf"
        settings.write_text(SETTINGS)
        environment = self._settings = {**os.environ, "CONTAINERS_CONF": str(settings)}
        _podman("pull", "--quiet", "--tls-verify=false", image)
        inspect = ("image", "inspect", "--format")
        entry = _podman(*inspect, "{{json .Config.Entrypoint}}", image)
        command = function.command or json.loads(
            _podman(*inspect, "{{json .Config.Cmd}}", image)
        )
        variables = {
            **function.environment,
            **lambda_environment,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_s),
        }
        address, api = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self._log = (folder / f"{self.name}.log").open("wb")
        self._process = subprocess.Popen(
            ["podman", "run", "--rm", "--name", self.name, "--read-only",
             "--tmpfs", f"/tmp:size={function.tmp_mb}m,mode=1777",
             "--user", "993:990", "--cap-drop", "all",
             "--network", "host", "-v", f"{EMULATOR}:/rie:ro", "--entrypoint", "/rie",
             *(f"--env={name}={value}" for name, value in variables.items()), image,
             "--runtime-interface-emulator-address", address,
             "--runtime-api-address", api,
             *json.loads(entry), *command],
            env=environment, stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._url = f"http://{address}/2015-03-31/functions/function/invocations"
        self._timeout_s = function.timeout_s
        self._one_at_a_time = threading.Lock()
        self.logs = FunctionLogs(
            function.log_group, self.name, Path(self._log.name), lambda_environment
        )
        self._wait(address)

    def invoke(self, event: bytes) -> bytes:
        """Invoke it; raises `OSError` if it does not run or takes too long.

        Two requests at once are a fault of the caller: an environment has one.
        """
        if not self._one_at_a_time.acquire(blocking=False):
            raise RuntimeError(f"{self.name} is busy with another request")
        try:
            request = urllib.request.Request(self._url, event)
            with urllib.request.urlopen(request, timeout=self._timeout_s + 5) as answer:
                body: bytes = answer.read()
                return body
        finally:
            self._one_at_a_time.release()
            self.logs.copy()

    def run_python(self, program: str) -> str:
        """Run a program in the environment; return what it prints, errors as well."""
        done = subprocess.run(
            ["podman", "exec", self.name, "python3", "-c", program],
            env=self._settings, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        return done.stdout + done.stderr

    def stop(self) -> None:
        """Stop it, whatever it does."""
        subprocess.run(
            ["podman", "kill", self.name], capture_output=True, check=False, timeout=60
        )
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.close()
        self.logs.copy()
        subprocess.run(["podman", "rmi", self._image], capture_output=True, check=False)

    def _wait(self, address: str) -> None:
        host, _, port = address.partition(":")
        end = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection((host, int(port)), 1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        self.stop()
        log = Path(self._log.name).read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"the image did not start:\n{log}")


def _podman(*words: str) -> str:
    done = subprocess.run(
        ["podman", *words], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        raise RuntimeError(f"podman {words[0]}: {done.stderr.strip()}")
    return done.stdout
