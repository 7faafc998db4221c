"""Modules of the service that the Python SDK carries, rewritten for its own errors.

A text on the device has to be the service's, token by token. So the loop that writes it
is one source, in ``functions``, and so is what cuts and sorts texts that are judged; a
game installs a copy of them without the service.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "sdk/python/src/hotseat/_device/shared"
SOURCES = (
    "hotseat_registry/scripts.py",
    "hotseat_registry/text_plan.py",
    "hotseat_serve/api/text_answer.py",
    "hotseat_serve/codec/text_parts.py",
    "hotseat_serve/runtime/decoder.py",
    "hotseat_serve/runtime/text_model.py",
    "hotseat_serve/text/constraint.py",
    "hotseat_serve/text/pieces.py",
    "hotseat_serve/text/prompt.py",
    "hotseat_serve/text/sampling.py",
    "hotseat_serve/text/schema_bounds.py",
    "hotseat_serve/text/text_request.py",
    "hotseat_serve/text/vocabulary.py",
    "hotseat_serve/text/writer.py",
)
_TEXT = "hotseat._device.text"
_IN_THEIR_PLACE = {
    "hotseat_registry.dataclass": "dataclasses",
    "hotseat_registry.errors": f"{_TEXT}.problems",
    "hotseat_registry.json_dataclass": f"{_TEXT}.json_dataclass",
    "hotseat_serve.codec.elements": "hotseat._device.wording",
    "hotseat_serve.codec.input_warnings": "hotseat._device.warnings",
    "hotseat_serve.problems": f"{_TEXT}.problems",
    "hotseat_serve.runtime.session": f"{_TEXT}.session",
    "hotseat_serve.wording": f"{_TEXT}.problems",
    **{
        source.removesuffix(".py").replace("/", "."):
        f"hotseat._device.shared.{Path(source).stem}"
        for source in SOURCES
    },
}  # fmt: skip
_OTHER = (("orjson", "json"), ("hotseat-platform[text]", "hotseat[say]"),
          ('"hotseat.serve"', '"hotseat"'))  # fmt: skip


def copies() -> dict[Path, str]:
    """Return the SDK's modules by their paths; raises `KeyError` for a new import."""
    return {TARGET / Path(source).name: _copy(source) for source in SOURCES}


def _copy(source: str) -> str:
    text = (ROOT / "functions" / source).read_text("utf-8")
    text = re.sub(
        r"^from (hotseat_\S+) import",
        lambda found: f"from {_IN_THEIR_PLACE[found[1]]} import",
        text,
        flags=re.MULTILINE,
    )
    for ours, theirs in _OTHER:
        text = text.replace(ours, theirs)
    text = f"# A copy of functions/{source}, by `make shared`.\n{text}"
    for arguments in (["check", "--fix", "--quiet", "--select", "I"], ["format"]):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--stdin-filename",
             str(TARGET / Path(source).name), "-"],
            input=text, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    return text


if __name__ == "__main__":
    for path, content in copies().items():
        path.write_text(content, "utf-8")
