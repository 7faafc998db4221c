"""What a function prints, in its log group, written by its own role.

Lambda creates no log group where the function names one, and none at all where the
role may not; then the lines are lost without an error, as on AWS.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

_BATCH = 1_000
"""CloudWatch takes at most 10,000 events in a call."""


class FunctionLogs:
    """Copies the lines of one environment's output to its stream."""

    def __init__(
        self, group: str, stream: str, output: Path, credentials: Mapping[str, str]
    ) -> None:
        """`credentials` are in the form of the environment of a function."""
        self._group, self._stream, self._output = group, stream, output
        self._client: Any = boto3.client(
            "logs",
            region_name=credentials["AWS_REGION"],
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
        )
        self._position = 0
        self._created = False

    def copy(self) -> int:
        """Copy the lines since the last time; return how many were written."""
        with self._output.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self._position += end
        lines = [x for x in data[:end].decode("utf-8", "replace").splitlines() if x]
        if not lines:
            return 0
        now = int(time.time() * 1000)
        where = {"logGroupName": self._group, "logStreamName": self._stream}
        try:
            if not self._created:
                self._client.create_log_stream(**where)
                self._created = True
            for first in range(0, len(lines), _BATCH):
                events = [
                    {"timestamp": now, "message": line}
                    for line in lines[first : first + _BATCH]
                ]
                self._client.put_log_events(**where, logEvents=events)
        except ClientError:
            return 0
        return len(lines)
