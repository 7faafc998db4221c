"""Finds a language model: a folder of onnxruntime-genai or Hugging Face, or a GGUF."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat_train.external.errors import SourceError

GENAI = "genai_config.json"
_CAUSAL = "ForCausalLM"


@dataclass(frozen=True, slots=True)
class LanguageFolder:
    """A folder of onnxruntime-genai: the graph, and what goes with it."""

    folder: Path
    config: Mapping[str, Any]

    @property
    def graph(self) -> Path:
        """The graph's file; raises `SourceError`."""
        name = str(self.config.get("model", {}).get("decoder", {}).get("filename"))
        if Path(name).name != name or not (self.folder / name).is_file():
            raise SourceError(f"{self.folder / GENAI} names no graph of the folder")
        return self.folder / name

    def json(self, name: str) -> Mapping[str, Any]:
        """Return a JSON file of the folder; empty without it."""
        path = self.folder / name
        return read_json(path) if path.is_file() else {}

    @property
    def chat_template(self) -> str | None:
        """The chat template of the tokenizer, in Jinja."""
        path = self.folder / "chat_template.jinja"
        if path.is_file():
            return path.read_text("utf-8")
        found = self.json("tokenizer_config.json").get("chat_template")
        return found if isinstance(found, str) else None


def is_language(path: Path) -> bool:
    """Whether a file or folder holds a language model."""
    if path.suffix.lower() == ".gguf":
        return path.is_file()
    return path.is_dir() and ((path / GENAI).is_file() or is_hugging_face(path))


def is_hugging_face(path: Path) -> bool:
    """Whether a folder holds a causal language model with its weights alone."""
    config = path / "config.json"
    if not config.is_file() or not any(path.glob("*.safetensors")):
        return False
    names = read_json(config).get("architectures") or [""]
    return str(names[0]).endswith(_CAUSAL)


def read_folder(path: Path) -> LanguageFolder:
    """Read a folder of onnxruntime-genai; raises `SourceError`."""
    found = LanguageFolder(path, read_json(path / GENAI))
    if not (path / "tokenizer.json").is_file():
        raise SourceError(
            f"{path} has no tokenizer.json: save the tokenizer in that format "
            "(AutoTokenizer.from_pretrained(...).save_pretrained(FOLDER))"
        )
    return found


def read_json(path: Path) -> Mapping[str, Any]:
    """Return a JSON object; raises `SourceError`."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from None
    return data if isinstance(data, dict) else {}
