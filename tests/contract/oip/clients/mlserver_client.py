"""MLServer's own client (`mlserver infer`) and types: ``... http://host:port``."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

url = sys.argv[1].removeprefix("http://")
with tempfile.TemporaryDirectory() as name:
    given, answered = Path(name, "in.jsonl"), Path(name, "out.jsonl")
    lines = []
    for number in range(5):
        inputs = [
            NumpyCodec.encode_input(tensor, np.full((1, 4), value, np.float32))
            for tensor, value in (("A", 1.5), ("B", float(number)))
        ]
        request = InferenceRequest(id=f"game-{number}", inputs=inputs)
        lines.append(request.model_dump_json(exclude_none=True))
    given.write_text("\n".join(lines) + "\n")
    command = [Path(sys.executable).with_name("mlserver"), "infer", "--url", url,
               "--model-name", "add", "--input-data-path", given,
               "--output-data-path", answered, "--workers", "2"]  # fmt: skip
    subprocess.run(command, check=True, timeout=60)
    sums = {}
    for line in answered.read_text().splitlines():
        answer = InferenceResponse(**json.loads(line))
        sums[answer.id] = NumpyCodec.decode_output(answer.outputs[0]).ravel()[0]
    # the client puts its own number of the line before our id
    assert sorted(sums.values()) == [1.5, 2.5, 3.5, 4.5, 5.5], sums
