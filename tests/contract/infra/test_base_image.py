"""The base image is named by its digest, and one command renews it."""

import hashlib
import importlib.util
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "functions/Dockerfile"
TAG = "/v2/lambda/python/manifests/3.13"


def load():
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location(
        "base_image", ROOT / "infra/base_image.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


base_image = load()


def index(*architectures):
    """Return the bytes of an index of images."""
    manifests = [{"platform": {"architecture": name}} for name in architectures]
    return json.dumps({"manifests": manifests}).encode()


@pytest.fixture
def registry():
    """A registry of images that wants a token; its address, and what it has."""
    have = {TAG: index("amd64", "arm64")}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = have.get(self.path)
            if self.path.startswith("/token/"):
                answer = b'{"token": "anonymous"}'
            elif self.headers["authorization"] != "Bearer anonymous":
                answer = None
            elif "image.index" not in self.headers["accept"]:
                answer = b"{}"  # one platform's manifest
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", have
    server.shutdown()
    server.server_close()


def test_the_dockerfile_names_a_digest():
    """A build takes the bytes that were seen, on either architecture, or fails."""
    base = base_image.BASE.search(DOCKERFILE.read_text("utf-8"))
    assert base["digest"]
    assert (base["host"], base["name"]) == ("public.ecr.aws", "lambda/python")


@pytest.mark.parametrize("before", ["", "@sha256:" + "0" * 64])
def test_the_digest_is_renewed(registry, tmp_path, capsys, before):
    """The line changes and nothing else; a second time nothing does."""
    address, have = registry
    path = tmp_path / "Dockerfile"
    path.write_text(
        f"# a\nARG BASE_IMAGE={address}/lambda/python:3.13{before}\nFROM x\n"
    )
    assert base_image.main(path, "http") == 0
    digest = hashlib.sha256(have[TAG]).hexdigest()
    line = f"ARG BASE_IMAGE={address}/lambda/python:3.13@sha256:{digest}"
    assert path.read_text() == f"# a\n{line}\nFROM x\n"
    assert base_image.main(path, "http") == 0
    assert "as before" in capsys.readouterr().out


def test_what_is_no_base_is_refused(registry, tmp_path, capsys):
    """No such tag, one architecture alone, nobody there: nothing is written."""
    address, have = registry
    path = tmp_path / "Dockerfile"
    for host, content, words in (
        (address, None, "404"),
        (address, index("amd64"), "for amd64 alone"),
        ("127.0.0.1:9", b"", "no digest"),
    ):
        have[TAG] = content
        text = f"ARG BASE_IMAGE={host}/lambda/python:3.13\n"
        path.write_text(text)
        assert base_image.main(path, "http") == 1
        assert words in capsys.readouterr().err
        assert path.read_text() == text
    path.write_text("FROM python\n")
    assert base_image.main(path) == 1
