"""Finds a graph and its files: in an ONNX file, or in an exporter's folder."""

import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from hotseat_registry import graph_tree
from hotseat_registry.errors import IntegrityError
from hotseat_registry.graph_tree import Graph, Node, Weight
from hotseat_train.external import mlflow_model, pipeline_file
from hotseat_train.external.errors import SourceError

REFUSED = {
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib", ".dill", ".skops"),
        "it runs code when it is opened, which a registry must not contain. Convert "
        "it where it was trained: hotseat_train.api.publish(model, example=X) for "
        "scikit-learn, LightGBM and XGBoost, or skl2onnx.to_onnx(model, X[:1])",
    ),
    **dict.fromkeys(
        (".pt", ".pth", ".bin", ".ckpt"),
        "it contains PyTorch weights without the network. Export it together with the "
        'network: torch.onnx.export(model, (example,), "model.onnx", dynamo=True)',
    ),
    ".safetensors": "it contains weights without the network. Export it: optimum-cli "
    "export onnx --model FOLDER onnx/",
    **dict.fromkeys(
        (".h5", ".keras", ".pb", ".tflite"),
        "it is a TensorFlow model. Convert it: python -m tf2onnx.convert --keras, "
        "--saved-model or --tflite FILE --output model.onnx",
    ),
    ".gguf": "it is a language model of llama.cpp: hotseat publish FILE.gguf "
    "converts it, the other verbs read ONNX files alone",
    ".ubj": "it is an XGBoost model. Convert it: "
    "onnxmltools.convert_xgboost(model, initial_types=[...])",
    ".mlmodel": "it is a Core ML model. Export the original model to ONNX",
}
"""By suffix of other formats: why they are refused, and how to convert them."""
_TOKENIZER = "tokenizer.json"
_GRAPHS = ("model.onnx", "onnx/model.onnx", "1/model.onnx", "data/model.onnx")
"""Paths of the graph in folders: plain, of Hugging Face, Triton, MLflow."""


@dataclass(frozen=True, slots=True)
class Source:
    """A graph, and the other files of its folder."""

    graph: Path
    data: Mapping[str, Path] = field(default_factory=dict)
    """Files of external weights, by their name in the graph."""
    tokenizer: Path | None = None
    """tokenizer.json of Hugging Face."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """config.json of Hugging Face."""
    tokenizer_config: Mapping[str, Any] = field(default_factory=dict)
    sentence_config: Mapping[str, Any] = field(default_factory=dict)
    """sentence_bert_config.json of sentence-transformers."""
    pooling: Mapping[str, Any] = field(default_factory=dict)
    """1_Pooling/config.json of sentence-transformers."""
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    """preprocessor_config.json of Hugging Face."""

    @property
    def max_tokens(self) -> int:
        """The smallest limit of tokens in these files, at most 512."""
        limits = (
            self.sentence_config.get("max_seq_length"),
            self.tokenizer_config.get("model_max_length"),
            self.config.get("max_position_embeddings"),
        )
        return min([512, *(int(n) for n in limits if isinstance(n, int) and n > 0)])


def is_source(text: str) -> bool:
    """Return whether a command's argument is a model's file or folder, not a run."""
    path = Path(text)
    if text.startswith(mlflow_model.URI):
        return True
    if path.suffix.lower() in {".onnx", ".ort", *REFUSED}:
        return True
    if path.suffix.lower() in pipeline_file.SUFFIXES:
        return path.is_file()
    return path.is_dir() and not (path / "run.json").exists()


def local(text: str, folder: Path) -> Path:
    """Return a command's argument as a path; a ``models:/`` URI is fetched.

    Raises `SourceError`.
    """
    if not text.startswith(mlflow_model.URI):
        return Path(text)
    target = folder / "mlflow"
    target.mkdir()
    return mlflow_model.download(text, target)


def find(path: Path) -> Source:
    """Return the graph of a file or folder, and its other files.

    Raises `SourceError` without an ONNX model; the error names the conversion.
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
                data = json.loads((folder / name).read_bytes())
            except ValueError as error:
                raise SourceError(f"{folder / name} is no JSON: {error}") from None
            return data if isinstance(data, dict) else {}
    return {}


def _data(graph: Path) -> Iterator[tuple[str, Path]]:
    """Yield the names and paths of a graph's external weights; raises `SourceError`."""
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
        reason = "it is empty" if not graph.stat().st_size else str(error)
        raise SourceError(
            f"{graph.name} is no ONNX file"
            + ("" if reason == "it is no ONNX file" else f": {reason}")
        ) from None
    for place in sorted(places):
        if PurePosixPath(place).name != place:
            raise SourceError(
                f"{graph.name}: its weights are in {place!r}. Save them next to the "
                "graph: onnx.save(model, path, save_as_external_data=True)"
            )
        if not (graph.parent / place).exists():
            raise SourceError(
                f"{graph.name} needs {place!r} beside it, but there is no such file"
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
