"""The showcase: a small real version, and the registries that it is published to."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from onnx import TensorProto, helper, numpy_helper

from hotseat_registry import Input, Manifest, Output, Registry, Signature, Variant
from hotseat_registry.testing import MemoryStore

# one request at a time: moto looks and writes in two steps, where S3 does so in one
MOTO = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
app = DomainDispatcherApplication(create_backend_app)
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=False)
"""
LABELS = ("negative", "positive")
# a copy of the data sets beside the checkout, where there is one
DATA = Path(__file__).parents[2] / "shared/datasets"
if os.environ.get("HOTSEAT_NO_DATA"):  # as on a machine that has none
    os.environ.pop("HOTSEAT_DATA", None)
elif DATA.is_dir():
    os.environ.setdefault("HOTSEAT_DATA", str(DATA))


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def generated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small files of the data sets' forms, of nobody's data."""
    import generated_data  # late: it takes the training's packages

    return generated_data.write(tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def data_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """The data sets' files: the copies that there are, else small generated ones."""
    from hotseat_train.data.download import Source

    folder: Path = request.getfixturevalue("generated_folder")
    real, copies = Source.path, Path(os.environ.get("HOTSEAT_DATA", folder))

    def path(source: Source, cache: Path | None = None) -> Path:
        here = folder / source.place
        is_copied = "HOTSEAT_DATA" in os.environ and (copies / source.place).exists()
        return here if here.exists() and not is_copied else real(source, cache)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Source, "path", path)
        yield


@pytest.fixture
def clock() -> Clock:
    """A clock to move by hand."""
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> Registry:
    """A registry in memory."""
    return Registry(MemoryStore(), clock)


def graph(path: Path, word: str = "good", positive: float = 0.9) -> Path:
    """Write a real ONNX graph: `word` is positive, any other text is negative."""
    rows = np.array([[1 - positive, positive], [positive, 1 - positive]], np.float32)
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node(
                    "LabelEncoder",
                    ["text"],
                    ["row"],
                    domain="ai.onnx.ml",
                    keys_strings=[word],
                    values_int64s=[0],
                    default_int64=1,
                ),
                helper.make_node("Gather", ["rows", "row"], ["scores"]),
            ],
            "word",
            [helper.make_tensor_value_info("text", TensorProto.STRING, ["n"])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])],
            [numpy_helper.from_array(rows, "rows")],
        ),
        opset_imports=[
            helper.make_opsetid("", 17),
            helper.make_opsetid("ai.onnx.ml", 2),
        ],
        ir_version=9,
    )
    onnx.save(model, path)
    return path


@pytest.fixture
def aws(monkeypatch):
    """Credentials that are nobody's, and no way to the real AWS."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CA_BUNDLE", "HOTSEAT_KMS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return monkeypatch


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """Moto's server on a real socket; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", MOTO, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < end, "moto's server did not start"
            time.sleep(0.05)
    yield f"http://localhost:{port}"
    server.terminate()
    server.wait(10)


Publish = Callable[..., Manifest]


@pytest.fixture
def bundle(tmp_path: Path) -> Callable[..., tuple[Manifest, dict[str, Path]]]:
    """Make what a publisher hands in: a manifest without number, and its files."""

    def make(
        model: str = "mood", *, word: str = "good", positive: float = 0.9
    ) -> tuple[Manifest, dict[str, Path]]:
        folder = tmp_path / f"{word}-{positive}"
        folder.mkdir(exist_ok=True)
        golden = folder / "golden.json"
        scores = dict(zip(LABELS, (1 - positive, positive), strict=True))
        golden.write_text(
            json.dumps(
                {
                    "rows": [{"input": {"text": word}, "expected": {"scores": scores}}],
                    "tolerance": {"fp32": 1e-5},
                }
            )
        )
        manifest = Manifest(
            model=model,
            kind="classification",
            signature=Signature(
                inputs=(Input("text", "BYTES", (-1,), "text", max_bytes=64),),
                outputs=(Output("scores", "FP32", (-1, 2)),),
                labels=LABELS,
                max_rows=10,
            ),
            variants=(Variant("fp32", "model.onnx"),),
            default_variant="fp32",
            golden="golden.json",
            card=f"# {model}\n\nKnows one word.",
        )
        files = {
            "model.onnx": graph(folder / "model.onnx", word, positive),
            "golden.json": golden,
        }
        return manifest, files

    return make


@pytest.fixture
def publish(
    registry: Registry, bundle: Callable[..., tuple[Manifest, dict[str, Path]]]
) -> Publish:
    """Publish the word model, by default to the registry in memory."""

    def make(into: Registry = registry, **options: object) -> Manifest:
        manifest, files = bundle(**options)
        return into.publish(manifest, files, by="ada")

    return make


@pytest.fixture
def pair(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Make a fresh key pair on P-256 and return the paths of both halves, PEM."""

    def make(name: str = "key") -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM,
                serialization.PublicFormat.SubjectPublicKeyInfo,
            )
        )
        return private, public

    return make


@pytest.fixture
def keys(pair: Callable[..., tuple[Path, Path]]) -> tuple[Path, Path]:
    """A key pair."""
    return pair()
