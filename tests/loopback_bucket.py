"""A bucket on loopback that keeps its connections, as S3 does: reading alone.

It answers GetObject with ETag and If-None-Match, and ListObjectsV2 with a delimiter,
page by page, over the objects of a `MemoryStore`.
"""

import hashlib
import http.server
import itertools
import threading
from collections import Counter
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from hotseat_registry.stores.signed import SignedStore
from hotseat_registry.testing import MemoryStore

PAGE = 1000


class Bucket(http.server.ThreadingHTTPServer):
    """`objects` under ``s3://bucket/prefix``; `dropping` closes every n-th connection.

    It is closed after an answer, without a word, as by a server that tidies up.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, store=None, *, dropping=0):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store or MemoryStore()
        self.dropping = dropping
        self.requests = Counter()
        self.connections = 0
        self.numbers = itertools.count(1)
        self.readers = []

    def handle_error(self, request, client_address):
        """Stay quiet about a client that went away."""

    def reader(self, **options):
        """Return a `SignedStore` over this bucket."""
        env = {
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
        }
        self.readers.append(SignedStore("s3://bucket/prefix", env, **options))
        return self.readers[-1]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        place = urlsplit(self.path)
        query = {name: found[0] for name, found in parse_qs(place.query).items()}
        key = unquote(place.path).removeprefix("/bucket/").removeprefix("prefix/")
        if "list-type" in query:
            self.server.requests["LIST"] += 1
            self.send(200, self.listed(query))
        else:
            self.server.requests["GET"] += 1
            self.get(key)
        every = self.server.dropping
        if every and not next(self.server.numbers) % every:
            self.close_connection = True

    def get(self, key):
        data = self.server.store.objects.get(key)
        if data is None:
            self.send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        tag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        same = self.headers["if-none-match"] == tag
        self.send(304 if same else 200, b"" if same else data, tag)

    def listed(self, query):
        prefix = query["prefix"].removeprefix("prefix/")
        keys = [k for k in sorted(self.server.store.objects) if k.startswith(prefix)]
        if "delimiter" in query:
            rest = (key[len(prefix) :] for key in keys)
            found = sorted({k.partition("/")[0] + "/" for k in rest if "/" in k})
            lines = [
                "<CommonPrefixes><Prefix>prefix/"
                f"{escape(prefix + name)}</Prefix></CommonPrefixes>"
                for name in found
            ]
        else:
            lines = [
                f"<Contents><Key>prefix/{escape(key)}</Key></Contents>" for key in keys
            ]
        start = int(query.get("continuation-token", 0))
        end = start + PAGE
        more = (
            f"<NextContinuationToken>{end}</NextContinuationToken>"
            if end < len(lines)
            else ""
        )
        return f"<R>{''.join(lines[start:end])}{more}</R>".encode()

    def send(self, status, body, tag=None):
        self.send_response_only(status)
        if tag:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Stay quiet."""


@contextmanager
def serving(store=None, **options):
    """Run a bucket in threads of this process."""
    bucket = Bucket(store, **options)
    thread = threading.Thread(target=bucket.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        for reader in bucket.readers:
            reader.forget()
        bucket.shutdown()
        bucket.server_close()
