"""A language model in onnxruntime-web beside onnxruntime: ``make bench-text-wasm``.

The same int4 graph, the same tokens one by one, one thread each, one after the other.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import onnxruntime

from hotseat._device.shared.decoder import Decoder
from hotseat._device.shared.text_plan import TextPlan
from hotseat._device.text.session import Session

COUNT = 8


def native(folder):
    """Return seconds a token, and the tokens."""
    genai = json.loads((folder / "genai_config.json").read_text())["model"]
    cache = genai["decoder"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", options, providers=["CPUExecutionProvider"]
    )
    plan = TextPlan(
        layers=cache["num_hidden_layers"], heads=cache["num_key_value_heads"],
        head_size=cache["head_size"], vocabulary=genai["vocab_size"], stop_tokens=(0,),
        context_tokens=64,
    )  # fmt: skip
    decoder = Decoder(Session(session), plan)
    token, tokens = int(decoder.run([1]).argmax()), []
    began = time.perf_counter()
    while len(tokens) < COUNT:
        tokens.append(token)
        token = int(decoder.run([token]).argmax())
    return (time.perf_counter() - began) / COUNT, tokens


def main():
    """Print both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", type=Path, help="the folder with node_modules")
    arguments = parser.parse_args()
    here, tokens = native(arguments.folder)
    script = Path(__file__).with_suffix(".mjs")
    done = subprocess.run(
        ["node", script, arguments.folder, arguments.packages, str(COUNT)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    web = json.loads(done.stdout)
    same = sum(a == b for a, b in zip(tokens, web["tokens"], strict=True))
    ratio = web["seconds"] / here
    print(f"onnxruntime      {1 / here:8.1f} tokens a second")
    print(f"onnxruntime-web  {1 / web['seconds']:8.1f} ({ratio:.0f} times as long)")
    print(f"the same tokens  {same} of {COUNT}")


if __name__ == "__main__":
    main()
