"""MLflow's model folders: written without MLflow, fetched with its client.

The format of a folder: mlflow.org, "MLflow Model Format" (MLmodel, python_env.yaml,
requirements.txt); the flavor ``onnx``: mlflow.onnx.save_model.
"""

import json
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hotseat_registry import Manifest
from hotseat_registry.signature import Input, Output
from hotseat_train.external.errors import SourceError

URI = "models:/"
_DTYPES = {
    "BOOL": "bool", "BYTES": "object", "FP16": "float16", "FP32": "float32",
    "FP64": "float64", **{f"{u.upper()}INT{n}": f"{u}int{n}"
                          for u in ("", "u") for n in (8, 16, 32, 64)},
}  # fmt: skip
"""numpy's names of the Open Inference Protocol's datatypes."""


def write(manifest: Manifest, folder: Path) -> None:
    """Make a folder with a version's files an MLflow model of the flavor ``onnx``.

    Its tensors are the graph's own: MLflow runs neither tokenizers nor image steps.
    """
    python = ".".join(map(str, sys.version_info[:3]))
    requirements = ["mlflow", "numpy", "onnx", "onnxruntime>=1.24"]
    (folder / "MLmodel").write_text("\n".join(_model(manifest, python)) + "\n", "utf-8")
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n")
    (folder / "python_env.yaml").write_text(
        f"python: {python}\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\n"
        "dependencies:\n- -r requirements.txt\n"
    )
    (folder / "conda.yaml").write_text(
        f"channels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n- pip:\n"
        + "".join(f"  - {one}\n" for one in requirements)
        + "name: mlflow-env\n"
    )


def _model(manifest: Manifest, python: str) -> Iterator[str]:
    """Yield the lines of MLmodel, which is YAML; its scalars are JSON strings."""
    graph = json.dumps(manifest.variant(manifest.default_variant).file)
    yield "flavors:"
    yield "  onnx:"
    yield f"    data: {graph}"
    yield "    providers:"
    yield "    - CPUExecutionProvider"
    yield "  python_function:"
    yield f"    data: {graph}"
    yield "    env:"
    yield "      conda: conda.yaml"
    yield "      virtualenv: python_env.yaml"
    yield "    loader_module: mlflow.onnx"
    yield f"    python_version: {json.dumps(python)}"
    yield "metadata:"
    yield f"  hotseat_version: {json.dumps(manifest.reference)}"
    yield f"  hotseat_kind: {json.dumps(manifest.kind)}"
    yield f"  hotseat_labels: {json.dumps(list(manifest.signature.labels))}"
    # the same version has the same id
    yield f"model_uuid: {uuid.uuid5(uuid.NAMESPACE_OID, manifest.content().hex()).hex}"
    yield "signature:"
    yield f"  inputs: {json.dumps(json.dumps(_schema(manifest.signature.inputs)))}"
    yield f"  outputs: {json.dumps(json.dumps(_schema(manifest.signature.outputs)))}"
    if manifest.published_at is not None:
        yield f"utc_time_created: {json.dumps(manifest.published_at)}"


def _schema(tensors: Sequence[Input | Output]) -> list[Mapping[str, object]]:
    return [
        {
            "name": one.name,
            "type": "tensor",
            "tensor-spec": {"dtype": _DTYPES[one.datatype], "shape": list(one.shape)},
        }
        for one in tensors
    ]


def name_of(uri: str) -> str:
    """Return the model's name in ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``."""
    return uri.removeprefix(URI).partition("/")[0].partition("@")[0]


def download(uri: str, folder: Path) -> Path:
    """Return the folder of a model in MLflow's registry, by its own client.

    The client finds its server in MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI. Raises
    `SourceError`.
    """
    try:
        from mlflow import artifacts
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise SourceError(
            f"{uri} needs MLflow's client: pip install 'hotseat-platform[mlflow]'"
        ) from None
    try:
        path = artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder))
    except (MlflowException, OSError) as error:
        raise SourceError(
            f"{uri} cannot be fetched: {str(error)[:300]}; MLFLOW_TRACKING_URI names "
            "the server"
        ) from None
    return Path(path)
