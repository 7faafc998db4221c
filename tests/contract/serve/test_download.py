"""A version handed to a device: manifest, signatures, files in pieces."""

import hashlib

import orjson
import pytest

from hotseat_registry import Reference, Registry, archive, layout, trust
from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.testing import MemoryStore
from hotseat_serve.adapters import api_gateway
from hotseat_serve.api import downloads
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

VERSION = "/v1/models/mood/versions/live"
GRAPH = f"{VERSION}/files/model.onnx"


@pytest.fixture
def ask(registry, publish, tmp_path):
    """Send requests to a router whose model `mood` is live and offered."""
    publish()
    registry.promote(Reference("mood", version=1), by="ada")

    def make(path, downloads="mood, other", **headers):
        chosen = Settings(cache=str(tmp_path / "cache"), downloads=downloads)
        router = Router(ModelCache(registry, chosen), chosen)
        return router.answer(Request("GET", path, b"", headers))

    return make


def parsed(answer):
    """Return an answer's JSON."""
    return orjson.loads(answer.body)


def test_a_version_tells_all_that_a_device_needs(ask, registry, keys):
    """Manifest, the served variant, and the signatures as they were written."""
    manifest = registry.resolve(Reference("mood", version=1))
    signature = trust.sign(manifest, trust.LocalKey(keys[0]))
    archive.add_signature(registry, manifest, signature)
    for path in (VERSION, VERSION.replace("live", "1")):
        told = parsed(ask(path))
        kept = manifest.to_json()
        del kept["published_at"], kept["published_by"]
        assert told["manifest"] == kept
        assert told["variant"] == "fp32"
        assert told["signatures"] == [signature.decode()]


def test_a_device_hears_no_more_than_it_needs(ask, registry):
    """Of an unsigned version neither card, lineage and figures, nor who published."""
    told = parsed(ask(VERSION))["manifest"]
    whole = registry.resolve(Reference("mood", version=1)).to_json()
    assert {**whole, **told, "variants": whole["variants"]} == whole
    assert not {"published_at", "published_by", "lineage", "card"} & set(told)
    assert told["variants"] == [{"name": "fp32", "file": "model.onnx"}]


def test_downloads_obey_trust_and_retirement(ask, registry, keys, publish, tmp_path):
    """What is not answered is not handed out either."""
    strict = Settings(cache=str(tmp_path / "c"), downloads="*", trust=str(keys[1]))
    trusting = Registry(registry.store, trust=trust.Trust.read(strict.trust))
    router = Router(ModelCache(trusting, strict), strict)
    for path in (VERSION, GRAPH):
        assert router.answer(Request("GET", path)).status == 503
    publish(positive=0.8)
    registry.promote(Reference("mood", version=2), by="ada")
    head = registry.ledger.head("mood")
    gone = Entry("mood", RETIRE, "gc", registry.time(), retired=(1,))
    registry.ledger.change(head, gone)
    for path in (VERSION, GRAPH):
        refused = ask(path.replace("live", "1"))
        assert (refused.status, parsed(refused)["code"]) == (404, "version_not_found")


def test_bytes_that_changed_in_the_cache_are_not_handed_out(ask, tmp_path):
    """They are hashed again, and fetched where they are wrong."""
    good = ask(GRAPH).body
    (path,) = (tmp_path / "cache").glob("??/*.onnx")
    path.write_bytes(b"\0" * len(good))
    assert ask(GRAPH).body == good


def test_a_file_comes_whole_or_in_pieces(ask, registry):
    """Pieces put together are the file, and the ETag is its digest."""
    whole = ask(GRAPH)
    digest = registry.resolve(Reference("mood", version=1)).files["model.onnx"].sha256
    assert whole.status == 200
    assert hashlib.sha256(whole.body).hexdigest() == digest
    assert whole.headers["etag"] == f'"{digest}"'
    size, parts, at = len(whole.body), [], 0
    while at < size:
        piece = ask(GRAPH, range=f"bytes={at}-{at + 99}")
        last = min(at + 99, size - 1)
        assert piece.status == 206
        assert piece.headers["content-range"] == f"bytes {at}-{last}/{size}"
        parts.append(piece.body)
        at = last + 1
    assert b"".join(parts) == whole.body
    assert ask(GRAPH, range="bytes=10-").body == whole.body[10:]


def test_no_piece_is_more_than_lambda_answers(ask, monkeypatch):
    """A large file whole is refused, with the way out; a long range is cut."""
    monkeypatch.setattr(downloads, "PIECE", 50)
    refused = ask(GRAPH)
    assert (refused.status, parsed(refused)["code"]) == (413, "too_large")
    assert "Range: bytes=0-49" in parsed(refused)["detail"]
    assert len(ask(GRAPH, range="bytes=0-999").body) == 50


def test_the_real_piece_fits_lambda():
    """In base64, with its headers, a piece is below 6 MB."""
    assert downloads.PIECE * 4 / 3 < 6_000_000 - 100_000


@pytest.mark.parametrize(
    "wanted", ["bytes=", "bytes=-5", "bytes=0-1,5-6", "bytes=999999-", "rows=0-1",
               "bytes=5-4", "bytes=٣-"],
)  # fmt: skip
def test_a_range_that_is_none_is_refused(ask, wanted):
    """What is no single range, or lies behind the end, is a 422."""
    assert ask(GRAPH, range=wanted).status == 422


@pytest.mark.parametrize("downloads", ["", "other", "moo", "mood2"])
def test_a_model_that_is_not_offered_is_not_handed_out(ask, downloads):
    """Neither manifest nor file of it leaves, whoever asks."""
    for path in (VERSION, GRAPH):
        refused = ask(path, downloads)
        assert (refused.status, parsed(refused)["code"]) == (404, "not_found")
        assert "not offered" in parsed(refused)["detail"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/models/mood/versions/9", "version_not_found"),
        ("/v1/models/mood/versions/beta", "version_not_found"),
        ("/v1/models/nobody/versions/live", "model_not_found"),
        (f"{VERSION}/files/other.onnx", "not_found"),
        (f"{VERSION}/files/..%2F..%2Fhead.json", "not_found"),
        (f"{VERSION}/files", "not_found"),
    ],
)
def test_what_is_not_there_is_told(ask, path, code):
    """A version, an alias, a model or a file that is missing is a 404 by its name."""
    refused = ask(path, "*")
    assert (refused.status, parsed(refused)["code"]) == (404, code)


def test_a_piece_is_never_packed_and_leaves_as_base64(ask):
    """Its numbers count the file's own bytes, and API Gateway is told it is binary."""
    answer = ask(GRAPH, **{"accept-encoding": "gzip", "range": "bytes=0-1999"})
    assert "content-encoding" not in answer.headers
    assert api_gateway.to_response(answer)["isBase64Encoded"]


def test_a_damaged_file_is_not_handed_out(tmp_path, bundle, clock):
    """Bytes that do not match their digest are a 503, and nothing of them leaves."""
    store = MemoryStore()
    damaged = Registry(store, clock)
    manifest, files = bundle()
    made = damaged.publish(manifest, files, by="ada")
    store.objects[layout.blob(made.files["model.onnx"].sha256)] = (
        b"x" * made.files["model.onnx"].size
    )
    chosen = Settings(cache=str(tmp_path / "cache"), downloads="*")
    router = Router(ModelCache(damaged, chosen), chosen)
    path = "/v1/models/mood/versions/1/files/model.onnx"
    assert router.answer(Request("GET", path)).status == 503
