"""Writes a Hugging Face model or a GGUF file as ONNX, by onnxruntime-genai's builder.

The builder (github.com/microsoft/onnxruntime-genai, src/python/py/models) runs in a
process of its own, as it imports torch and transformers: the extra ``language``.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from hotseat_train.external.errors import SourceError
from hotseat_train.external.language.source import LanguageFolder, read_folder

PRECISIONS = ("int4", "int8", "fp16", "fp32")
_NEEDED = ("onnxruntime_genai", "torch", "transformers")
_SECONDS = 3_600
_MIXED = ("--extra_options", "algo_config=k_quant_mixed")
"""The last product and some layers in 8 bits: a third larger, and most of the loss in
perplexity is gone (``make bench-game-texts``)."""
_UNPACK = """
import sys, torch
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer
file, folder = Path(sys.argv[1]), sys.argv[2]
tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
read = AutoModelForCausalLM.from_pretrained(
    file.parent, gguf_file=file.name, dtype=torch.float32)
del read.config.quantization_config
model = type(read)(read.config) # one that was read from GGUF refuses to be saved
model.load_state_dict(read.state_dict())
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
"""


def convert(source: Path, precision: str, folder: Path) -> LanguageFolder:
    """Write `source` in a precision to `folder`; return it. Raises `SourceError`."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SourceError(
            f"{source.name} has to be converted, which takes {', '.join(missing)}: "
            "pip install 'hotseat-platform[language]', or publish a folder that "
            "python -m onnxruntime_genai.models.builder has written"
        )
    cache = folder.parent / "builder-cache"
    if source.suffix.lower() == ".gguf":
        source = unpacked(source, folder.parent / f"{source.stem}-weights")
    plain = _without_quantization(source, folder.parent)
    _run(
        [
            "-m", "onnxruntime_genai.models.builder", "-i", str(plain), "-o",
            str(folder), "-p", precision, "-e", "cpu", "-c", str(cache),
            *(_MIXED if precision == "int4" else ()),
        ],
        f"{source.name} does not convert to {precision}",
    )  # fmt: skip
    return read_folder(folder)


def unpacked(file: Path, folder: Path) -> Path:
    """Return the weights of a GGUF file as a folder of Hugging Face."""
    if not (folder / "config.json").exists():
        _run(["-c", _UNPACK, str(file.resolve()), str(folder)],
             f"{file.name} is no GGUF model that transformers reads")  # fmt: skip
    return folder


def _without_quantization(source: Path, folder: Path) -> Path:
    """Return a folder whose config has no ``quantization_config`` of a GGUF file.

    The builder refuses it, although the weights are plain numbers.
    """
    config = json.loads((source / "config.json").read_bytes())
    if "gguf" not in str(config.get("quantization_config", "")).lower():
        return source
    plain = folder / "plain"
    plain.mkdir(exist_ok=True)
    for path in source.iterdir():
        if path.name != "config.json" and not (plain / path.name).exists():
            (plain / path.name).symlink_to(path.resolve())
    del config["quantization_config"]
    (plain / "config.json").write_text(json.dumps(config))
    return plain


def _run(arguments: list[str], what: str) -> None:
    # no network: what is not in the source is not fetched
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 (our own arguments)
            [sys.executable, *arguments], capture_output=True, text=True, env=env,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SourceError(f"{what} within {_SECONDS} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise SourceError(f"{what}: {' '.join(last)[:500]}")


def rename_weights(folder: LanguageFolder, precision: str, target: Path) -> list[Path]:
    """Write the graph and its weights under names of their variant; return the paths.

    Several variants lie in one folder. The graph's file is first.
    """
    import onnx
    from onnx.external_data_helper import uses_external_data

    graph, weights = target / f"{precision}.onnx", target / f"{precision}.onnx.data"
    model = onnx.load(str(folder.graph), load_external_data=False)
    names = set()
    for tensor in model.graph.initializer:
        if uses_external_data(tensor):
            for entry in tensor.external_data:
                if entry.key == "location":
                    names.add(entry.value)
                    entry.value = weights.name
    if len(names) > 1:
        raise SourceError(f"{folder.graph.name} has its weights in several files")
    onnx.save(model, str(graph))
    if not names:
        return [graph]
    shutil.copyfile(folder.folder / names.pop(), weights)
    return [graph, weights]
