"""AWS's runtime interface emulator, on this machine or in the image: start, ask, stop.

For the test of the image and for measuring its starts. The emulator takes one request
at a time; `make clients` unpacks it. Its own figures of memory and start are no
evidence; here the clock of whoever asks is.
"""

import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path

ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
EMULATOR = Path(sys.prefix) / "clients" / f"aws-lambda-rie-{ARCHITECTURE}"
PATH = "/2015-03-31/functions/function/invocations"
# podman in a sandbox that has neither a network of its own nor systemd
CONTAINERS = """
[containers]
default_ulimits = []
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""


def port():
    """Return a free one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Emulated:
    """A function under the emulator, started when made.

    With `image` it runs in a container as Lambda would run it: read-only, as nobody,
    without rights; `mounts` are folders of this machine that it sees.
    """

    def __init__(
        self,
        handler,
        folder,
        environment,
        image=None,
        mounts=(),
        client="hotseat_serve.lambda_loop",
        python=(sys.executable,),
    ):
        self.port = port()
        emulator = [
            "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
            "--runtime-api-address", f"127.0.0.1:{port()}",
        ]  # fmt: skip
        self.container = f"hotseat-emulated-{os.getpid()}-{self.port}" if image else ""
        if image is None:
            command = [EMULATOR, *emulator, *python, "-m", client, handler]
            variables = {**os.environ, **environment}
        else:
            settings = Path(folder) / "containers.conf"
            settings.write_text(CONTAINERS)
            seen = [f"-v={EMULATOR}:/rie:ro", *(f"-v={m}:ro" for m in mounts)]
            given = [f"-e={name}={value}" for name, value in environment.items()]
            command = [
                "podman", "run", "--rm", "--name", self.container, "--read-only",
                "--tmpfs", "/tmp", "--user", "993:990", "--cap-drop", "all",
                "--network", "host", *given, *seen, "--entrypoint", "/rie", image,
                *emulator, "python3", "-m", client, handler,
            ]  # fmt: skip
            variables = {**os.environ, "CONTAINERS_CONF": str(settings)}
        self.process = subprocess.Popen(
            command, cwd=folder, env=variables,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, event, wait_s=60):
        """Return the answer to an event, asking as soon as somebody listens."""
        body = json.dumps(event).encode()
        end = time.monotonic() + wait_s
        while True:
            try:
                self.connection.request("POST", PATH, body)
                return json.loads(self.connection.getresponse().read())
            except (OSError, http.client.HTTPException):
                self.connection.close()  # the next try opens it again
                assert self.process.poll() is None, "the function ended"
                assert time.monotonic() < end, "nobody listens"
                time.sleep(0.005)

    def close(self):
        """Stop it; what it ran in is gone."""
        self.connection.close()
        if self.container:
            command = ["podman", "kill", self.container]
            subprocess.run(command, capture_output=True, check=False)
        else:
            self.process.kill()
        self.process.wait(20)
