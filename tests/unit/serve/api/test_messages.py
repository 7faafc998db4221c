"""Bodies packed and unpacked, and paths under another."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotseat_serve.api.messages import (
    Answer,
    Request,
    compress,
    decompress,
    preferred_coding,
    strip_base_path,
)
from hotseat_serve.problems import Problem

BODY = b'{"text": "good"}'
PACKED = gzip.compress(BODY, mtime=0)
BARE = zlib.compress(BODY)[2:-4]


def post(body, encoding=None, **more):
    headers = {"content-encoding": encoding} if encoding is not None else {}
    return Request("POST", "/", body, {**headers, **more})


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, None), (BODY, ""), (BODY, "identity"), (BODY, "Identity, identity"),
        (PACKED, "gzip"), (PACKED, "X-GZip"),
        (PACKED, "identity, gzip"), (PACKED, " gzip "),
        (zlib.compress(BODY), "deflate"), (BARE, "deflate"),
        (b"\xef\xbb\xbf" + BODY, None),
        (gzip.compress(b"\xef\xbb\xbf" + BODY, mtime=0), "gzip"),
    ],
)  # fmt: skip
def test_a_body_is_unpacked_and_loses_its_mark(body, encoding):
    """Each name that a client gives gzip, both deflates, and a byte order mark."""
    assert decompress(post(body, encoding), 1000).body == BODY


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (BODY, "br", 415), (BODY, "gzip, gzip", 415), (BODY, "deflate, gzip", 415),
        (BODY, "gzip", 400), (BODY, "deflate", 400),
        (PACKED[:-9], "gzip", 400),
        (BARE[:-2], "deflate", 400), (bytes(1001), None, 413),
        (gzip.compress(bytes(1001), mtime=0), "gzip", 413),
        (zlib.compress(bytes(1001))[2:-4], "deflate", 413),
        (BODY, ["gzip"], 415),
    ],
)  # fmt: skip
def test_what_cannot_be_unpacked_says_why(body, encoding, status):
    """Packed twice, by an unknown packing, damaged, cut off, or too much."""
    with pytest.raises(Problem) as refused:
        decompress(post(body, encoding), 1000)
    assert refused.value.status == status


def test_a_mark_that_a_header_counts_stays():
    """A binary body may begin with the same three bytes."""
    body = b"\xef\xbb\xbf" + BODY
    named = {"inference-header-content-length": str(len(body))}
    assert decompress(post(body, **named), 1000).body == body


@pytest.mark.parametrize(
    ("accepted", "packing"),
    [
        (None, "identity"), ("", "identity"), ("gzip", "gzip"), ("GZIP", "gzip"),
        ("x-gzip", "gzip"), ("deflate", "deflate"), ("gzip, deflate, br", "gzip"),
        ("deflate, gzip", "gzip"), ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("gzip;q=0", "identity"), ("gzip; q=0, *", "deflate"), ("*", "gzip"),
        ("*;q=0", "identity"), ("gzip;q=0.5, identity", "identity"),
        ("identity;q=0.5, gzip", "gzip"), ("identity;q=0", "identity"),
        ("gzip;q=soon", "identity"), ("gzip;q=nan", "identity"),
        ("gzip;level=9;q=0.1", "gzip"), ("br, zstd", "identity"), (",;,", "identity"),
    ],
)  # fmt: skip
def test_accept_encoding_is_weighed(accepted, packing):
    """RFC 9110, 12.5.3: the heaviest wins, 0 refuses, the star is what is not named."""
    assert preferred_coding(accepted) == packing


@given(st.text(st.sampled_from("gzip deflate;,=q01.*xnai"), max_size=40))
def test_any_accept_encoding_gives_a_packing(accepted):
    """Nothing that a client sends raises."""
    assert preferred_coding(accepted) in {"gzip", "deflate", "identity"}


def test_an_answer_that_may_be_packed_says_that_it_varies():
    """A cache must not give the packed one to a client that cannot unpack it."""
    large = Answer(200, b"[" + b"1," * 2000 + b"1]")
    for accepted in ("gzip", "identity"):
        answer = compress(
            large, Request("GET", "/", b"", {"accept-encoding": accepted})
        )
        assert answer.headers["vary"] == "accept-encoding"
        assert ("content-encoding" in answer.headers) == (accepted == "gzip")
    small = Answer(200, b"{}")
    assert (
        compress(small, Request("GET", "/", b"", {"accept-encoding": "gzip"})) is small
    )


@pytest.mark.parametrize(
    ("path", "base", "inside"),
    [
        ("/ml/v2", "/ml", "/v2"), ("/ml/v2", "ml/", "/v2"), ("/ml", "/ml", "/"),
        ("/mlx/v2", "/ml", "/mlx/v2"), ("/v2", "/ml", "/v2"), ("/v2", "", "/v2"),
        ("/v2", "/", "/v2"), ("/a/b/v2", "/a/b", "/v2"), ("/ml/", "/ml", "/"),
    ],
)  # fmt: skip
def test_a_base_path_is_whole_segments(path, base, inside):
    """The start of a name is no base path."""
    assert strip_base_path(path, base) == inside
