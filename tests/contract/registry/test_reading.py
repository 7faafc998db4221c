"""A bucket read without boto3 answers as it does with boto3."""

import http.server
import io
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from hotseat_registry import Reference, Registry
from hotseat_registry.errors import NotFoundError, StoreError
from hotseat_registry.stores import open_store
from hotseat_registry.stores.s3 import S3Store
from hotseat_registry.stores.signed import Credentials, SignedStore, signed_headers

KEYS = ["plain", "deep/er/key", "a b+c&d=é%", "blobs/sha256/ab/cd"]


@pytest.fixture
def stores(moto_server, aws):
    """The same bucket behind both stores."""
    aws.setenv("AWS_ENDPOINT_URL", moto_server)
    boto3.client("s3").create_bucket(Bucket="reading")
    uri = "s3://reading/some/prefix"
    yield S3Store(uri), SignedStore(uri)
    bucket = boto3.resource("s3").Bucket("reading")
    bucket.objects.all().delete()
    bucket.delete()


def test_both_readers_answer_alike(stores):
    """Data, tags, conditions, lists of several pages and missing keys."""
    boto, ours = stores
    for key in KEYS:
        boto.write(key, key.encode() * 3)
    for key in KEYS:
        stored = boto.read(key)
        assert ours.read(key) == stored
        assert ours.read(key, unless=stored.tag) is None
        assert ours.read(key, unless='"other"') == stored
        one, two = io.BytesIO(), io.BytesIO()
        boto.download(key, one), ours.download(key, two)
        assert one.getvalue() == two.getvalue()
    for prefix in ("", "deep/", "nothing"):
        assert sorted(ours.list(prefix)) == sorted(boto.list(prefix))
    for store in stores:
        with pytest.raises(NotFoundError, match="has no missing"):
            store.read("missing")
        with pytest.raises(NotFoundError):
            store.download("missing", io.BytesIO())


def test_long_lists_come_page_by_page(stores):
    """More keys than S3 puts on a page are all there, each once."""
    boto, ours = stores
    names = [f"many/{number:04}" for number in range(1001)]
    for name in names:
        boto.write(name, b"x")
    assert list(ours.list("many/")) == names


def test_a_registry_is_served_by_the_light_reader(stores, publish):
    """Resolving, following and fetching need nothing that it does not have."""
    boto, ours = stores
    publish(Registry(boto))
    Registry(boto).promote(Reference("mood", version=1), by="ada")
    registry = Registry(ours)
    assert registry.resolve(Reference("mood", alias="live")).version == 1
    head = registry.ledger.head("mood")
    assert registry.ledger.head("mood", unless=head) is head


def test_it_writes_nothing(stores, tmp_path):
    """Whatever would change the bucket is refused with the way out."""
    _, ours = stores
    for change in (
        lambda: ours.write("a", b""),
        lambda: ours.delete("a"),
        lambda: ours.upload("a", tmp_path),
    ):
        with pytest.raises(StoreError, match="open for reading"):
            change()


def test_what_goes_wrong_is_a_store_error(moto_server, aws):
    """A missing bucket and a server that is away are named."""
    aws.setenv("AWS_ENDPOINT_URL", moto_server)
    with pytest.raises(StoreError, match="NoSuchBucket"):
        SignedStore("s3://nobody").read("a")
    aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    away = SignedStore("s3://nobody", sleep=lambda _: None)
    with pytest.raises(StoreError, match="refused"):
        away.read("a")


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20
    ),
    st.one_of(st.none(), st.just("session-token")),
)
def test_signatures_are_botocores(name, token):
    """For any key, with and without a session's token."""
    from urllib.parse import quote

    path = f"/bucket/{quote(name, safe='/-_.~')}"
    now = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    ours = signed_headers(
        "localhost:5000", path, "list-type=2&prefix=a%2Fb", {},
        Credentials("AKID", "secret", token), "eu-west-1", now,
    )  # fmt: skip
    request = AWSRequest("GET", f"http://localhost:5000{path}?list-type=2&prefix=a%2Fb")
    signer = S3SigV4Auth(BotoCredentials("AKID", "secret", token), "s3", "eu-west-1")
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Content-SHA256"] = ours["x-amz-content-sha256"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith(signature)


class Agent(http.server.BaseHTTPRequestHandler):
    """The container's agent: another key each time, for as long as `lasts`."""

    given: ClassVar[list[str]] = []
    lasts = timedelta(hours=1)

    def do_GET(self):
        type(self).given.append(self.headers["Authorization"])
        until = datetime(2026, 11, 23, 12, tzinfo=UTC) + self.lasts
        key = f"KEY{len(self.given)}"
        body = json.dumps(
            {"AccessKeyId": key, "SecretAccessKey": "s", "Token": "t",
             "Expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
        ).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Stay quiet."""


def test_credentials_of_a_restored_function_are_renewed_and_forgotten():
    """They come from the agent, are kept until they end, and dropped on `forget`."""
    Agent.given = []
    server = http.server.HTTPServer(("127.0.0.1", 0), Agent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    now = [datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()]
    env = {
        "AWS_REGION": "eu-west-1",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_port}/v",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "open sesame",
    }
    store = SignedStore("s3://b", env, lambda: now[0])
    assert [store._credentials.current().key for _ in range(2)] == ["KEY1", "KEY1"]
    now[0] += 3541  # less than a minute is left
    assert store._credentials.current().key == "KEY2"
    now[0] -= 3541
    store.forget()
    assert store._credentials.current().key == "KEY3"
    assert Agent.given == ["open sesame"] * 3
    assert "'s'" not in repr(store._credentials.current())
    server.shutdown()
    server.server_close()


def test_the_service_reads_without_boto3(aws):
    """In an environment like Lambda's the light reader is taken, else boto3's."""
    assert isinstance(open_store("s3://b/p", reading=True), SignedStore)
    assert isinstance(open_store("s3://b/p"), S3Store)
    aws.delenv("AWS_ACCESS_KEY_ID")
    aws.delenv("AWS_SECRET_ACCESS_KEY")
    assert isinstance(open_store("s3://b/p", reading=True), S3Store)
