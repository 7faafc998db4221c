"""What a studio has: an ONNX file, or a folder as exporters and servers write it."""

import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from hotseat_registry import graph_tree
from hotseat_registry.errors import IntegrityError
from hotseat_registry.graph_tree import Graph, Node, Weight
from hotseat_train.external.errors import SourceError

REFUSED = {
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib", ".dill", ".skops"),
        "it runs code when it is opened, and no registry may hold that. Convert the "
        "model where it was trained: hotseat_train.api.publish(model, example=X) for "
        "scikit-learn, LightGBM and XGBoost, or skl2onnx.to_onnx(model, X[:1])",
    ),
    **dict.fromkeys(
        (".pt", ".pth", ".bin", ".ckpt"),
        "it holds PyTorch's weights without the network. Export it where the network "
        'is: torch.onnx.export(model, (example,), "model.onnx", dynamo=True)',
    ),
    ".safetensors": "it holds weights without the network. Export it: optimum-cli "
    "export onnx --model FOLDER onnx/",
    **dict.fromkeys(
        (".h5", ".keras", ".pb", ".tflite"),
        "it is a TensorFlow model. Convert it: python -m tf2onnx.convert --keras, "
        "--saved-model or --tflite FILE --output model.onnx",
    ),
    ".gguf": "it is a language model of llama.cpp, which ONNX Runtime does not run",
    ".ubj": "it is an XGBoost model. Convert it: "
    "onnxmltools.convert_xgboost(model, initial_types=[...])",
    ".mlmodel": "it is a Core ML model. Export the original model to ONNX",
}
"""Suffixes of models that are no ONNX, why they are refused, and the way to ONNX."""
_TOKENIZER = "tokenizer.json"
_GRAPHS = ("model.onnx", "onnx/model.onnx", "1/model.onnx", "data/model.onnx")
"""Where a graph lies in a folder: plain, of Hugging Face, Triton, MLflow."""


@dataclass(frozen=True, slots=True)
class Source:
    """A graph and what lies beside it."""

    graph: Path
    data: Mapping[str, Path] = field(default_factory=dict)
    """Files with its weights, by the name that the graph has for them."""
    tokenizer: Path | None = None
    """Of Hugging Face: tokenizer.json."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Of Hugging Face: config.json."""
    tokenizer_config: Mapping[str, Any] = field(default_factory=dict)
    sentence_config: Mapping[str, Any] = field(default_factory=dict)
    """Of sentence-transformers: sentence_bert_config.json."""
    pooling: Mapping[str, Any] = field(default_factory=dict)
    """Of sentence-transformers: 1_Pooling/config.json."""
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    """Of Hugging Face: preprocessor_config.json."""

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text that all the files allow; 512 where none says."""
        said = (
            self.sentence_config.get("max_seq_length"),
            self.tokenizer_config.get("model_max_length"),
            self.config.get("max_position_embeddings"),
        )
        return min([512, *(int(n) for n in said if isinstance(n, int) and n > 0)])


def is_source(text: str) -> bool:
    """Tell whether a command's argument is a model's file or folder, and no run."""
    path = Path(text)
    if path.suffix.lower() in {".onnx", ".ort", *REFUSED}:
        return True
    return path.is_dir() and not (path / "run.json").exists()


def find(path: Path) -> Source:
    """Find the graph in a file or folder, and what lies beside it.

    Raises `SourceError` for what is no ONNX model, with the way to one.
    """
    if not path.exists():
        raise SourceError(f"there is no file or folder {path}")
    if reason := REFUSED.get(path.suffix.lower()):
        raise SourceError(f"{path.name} is no ONNX file: {reason}")
    graph = _graph(path) if path.is_dir() else path
    if graph.suffix.lower() != ".onnx":
        raise SourceError(
            f"{path.name} is no ONNX file; expected a file that ends in .onnx, or a "
            "folder with one"
        )
    data = dict(_data(graph))
    if not path.is_dir():
        return Source(graph, data)
    folders = (path, graph.parent)
    return Source(
        graph,
        data,
        next((f / _TOKENIZER for f in folders if (f / _TOKENIZER).exists()), None),
        *(
            _json(folders, name)
            for name in (
                "config.json",
                "tokenizer_config.json",
                "sentence_bert_config.json",
                "1_Pooling/config.json",
                "preprocessor_config.json",
            )
        ),
    )


def _graph(folder: Path) -> Path:
    """Return the one graph of a folder; raises `SourceError`."""
    for name in _GRAPHS:
        if (folder / name).exists():
            return folder / name
    graphs = sorted(folder.rglob("*.onnx"))
    if len(graphs) == 1:
        return graphs[0]
    if graphs:
        names = ", ".join(str(g.relative_to(folder)) for g in graphs[:5])
        raise SourceError(f"{folder} has {len(graphs)} graphs ({names}): name one")
    others = sorted(p for p in folder.rglob("*") if p.suffix.lower() in REFUSED)
    if others:
        reason = REFUSED[others[0].suffix.lower()]
        raise SourceError(f"{folder} has no ONNX file. {others[0].name}: {reason}")
    raise SourceError(f"{folder} has no file that ends in .onnx")


def _json(folders: tuple[Path, ...], name: str) -> Mapping[str, Any]:
    for folder in folders:
        if (folder / name).exists():
            try:
                found = json.loads((folder / name).read_bytes())
            except ValueError as error:
                raise SourceError(f"{folder / name} is no JSON: {error}") from None
            return found if isinstance(found, dict) else {}
    return {}


def _data(graph: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of weights that a graph names; raises `SourceError`."""
    try:
        with graph.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        model = graph_tree.read(memoryview(mapped))
        places = {
            weight.place
            for weight in (
                *_weights(model.graph),
                *(w for nodes in model.functions.values() for w in _of_nodes(nodes)),
            )
            if weight.place
        }
    except (ValueError, OSError, RecursionError, IntegrityError) as error:
        raise SourceError(f"{graph.name} is no ONNX file: {error}") from None
    for place in sorted(places):
        if PurePosixPath(place).name != place:
            raise SourceError(
                f"{graph.name}: its weights lie in {place!r}. Save it with its weights "
                "beside it: onnx.save(model, path, save_as_external_data=True)"
            )
        if not (graph.parent / place).exists():
            raise SourceError(
                f"{graph.name} needs {place!r} beside it, and there is no such file"
            )
        yield place, graph.parent / place


def _weights(graph: Graph) -> Iterator[Weight]:
    yield from graph.weights
    yield from _of_nodes(graph.nodes)


def _of_nodes(nodes: tuple[Node, ...]) -> Iterator[Weight]:
    for node in nodes:
        for attribute in node.attributes.values():
            yield from attribute.weights
        for inner in node.graphs:
            yield from _weights(inner)
