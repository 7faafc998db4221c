"""One store, many threads: everyone gets the bytes that were asked for."""

import gc
import io
import json
import random
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import boto3
import pytest
from botocore.config import Config
from loopback_bucket import serving

from hotseat_registry import Reference, Registry, layout
from hotseat_registry.cache import Cache
from hotseat_registry.errors import IntegrityError, NotFoundError, RegistryError
from hotseat_registry.stores.connections import Connections
from hotseat_registry.stores.credentials import CredentialSource
from hotseat_registry.stores.folder import FolderStore
from hotseat_registry.stores.s3 import S3Store
from hotseat_registry.stores.signed import SignedStore
from hotseat_registry.testing import MemoryStore
from hotseat_serve.api.messages import Request
from hotseat_serve.api.router import Router
from hotseat_serve.runtime.model_cache import ModelCache
from hotseat_serve.settings import Settings

THREADS = 8


@pytest.fixture(params=["memory", "folder", "s3", "signed"])
def stores(request, tmp_path, aws):
    """A store to write with and one to read with, over the same objects."""
    if request.param == "memory":
        one = two = MemoryStore()
    elif request.param == "folder":
        one = two = FolderStore(tmp_path / "registry")
    else:
        aws.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("moto_server"))
        bucket = f"threads{random.randrange(10**9)}"
        boto3.client("s3").create_bucket(Bucket=bucket)
        one = S3Store(f"s3://{bucket}/p")
        two = one if request.param == "s3" else SignedStore(one.uri)
    return one, two


def together(act, count, threads=THREADS):
    """Run `act(number)` so often, in threads; return how often it said what."""
    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(act, range(count)))


def outcome(act, expected):
    """Say whether an act did what it should, or what it did instead."""
    try:
        found = act()
    except Exception as error:  # noqa: BLE001 (the test counts whatever it was)
        return f"{type(error).__name__}: {error}"[:200]
    return "right" if found == expected else "wrong"


def test_a_store_serves_eight_threads(stores):
    """Reads, conditional reads, lists, folders and downloads are never mixed up."""
    writer, reader = stores
    for model in range(8):
        for number in range(3):
            key = f"models/m{model}/{number}.json"
            writer.write(key, f"{model} {number} ".encode() * 50 * (number + 1))

    def act(number):
        key = f"models/m{number % 8}/{number % 3}.json"
        data = f"{number % 8} {number % 3} ".encode() * 50 * (number % 3 + 1)
        match number % 5:
            case 0:
                return outcome(lambda: reader.read(key).data, data)
            case 1:
                tag = reader.read(key).tag
                return outcome(lambda: reader.read(key, unless=tag), None)
            case 2:
                keys = [f"models/m{number % 8}/{n}.json" for n in range(3)]
                prefix = f"models/m{number % 8}/"
                return outcome(lambda: sorted(reader.list(prefix)), keys)
            case 3:
                names = [f"m{n}" for n in range(8)]
                return outcome(lambda: sorted(reader.folders("models/")), names)
            case _:
                file = io.BytesIO()
                return outcome(
                    lambda: reader.download(key, file) or file.getvalue(), data
                )

    assert together(act, 240) == {"right": 240}


def test_one_of_several_threads_creates_a_key(stores):
    """A key that eight threads want to create is created by one."""
    writer, _ = stores

    def act(number):
        try:
            writer.write(f"key{number // 8}", b"%d" % number)
        except RegistryError as error:
            return type(error).__name__
        return "written"

    if isinstance(writer, S3Store):
        pytest.skip("moto looks and writes in two steps; S3 does it in one")
    assert together(act, 80) == {"written": 10, "ConflictError": 70}


def test_folders_are_the_names_before_the_next_slash(stores):
    """Each once, however much lies below; a key without a folder is none."""
    writer, reader = stores
    for key in ("models/b/1", "models/b/2", "models/b/c/3", "models/a.b/1",
                "models/file", "models2/x/1"):  # fmt: skip
        writer.write(key, b"x")
    assert sorted(reader.folders("models/")) == ["a.b", "b"]
    assert list(reader.folders("models/b/")) == ["c"]
    assert list(reader.folders("nothing/")) == []


def test_ten_thousand_reads_of_a_server_that_keeps_connections():
    """8 threads: no wrong answer, no error, and a dropped connection is no failure."""
    pauses = []
    with serving(dropping=97) as bucket:
        for number in range(20):
            key = f"key{number}"
            bucket.store.objects[key] = f"{number} ".encode() * 300
        store = bucket.reader(sleep=pauses.append)

        def act(number):
            if number % 10 == 9:
                return outcome(lambda: absent(store, f"none{number}"), "missing")
            name = number % 20
            return outcome(
                lambda: store.read(f"key{name}").data, f"{name} ".encode() * 300
            )

        assert together(act, 10_000) == {"right": 10_000}
        # each drop takes a new connection, and nothing else does
        assert bucket.connections <= 10_000 // 97 * 2 + THREADS
    assert pauses == []


def absent(store, key):
    """Return that a key is missing."""
    try:
        store.read(key)
    except NotFoundError:
        return "missing"
    return "there"


def test_all_threads_connections_are_forgotten():
    """`forget` closes the idle ones at once, and those in use when they are back."""
    with serving() as bucket:
        bucket.store.objects["a"] = b"a"
        store = bucket.reader()
        together(lambda _: store.read("a").data, 50)
        idle = list(store._connections._idle)
        assert 1 <= len(idle) <= 8
        file = _Slow(store)
        bucket.store.objects["big"] = b"x" * (3 << 20)
        store.download("big", file)
        assert all(connection.sock is None for connection in idle)
        assert store._connections._idle == []  # it was in use when all were dropped
        assert file.size == 3 << 20
        assert store.read("a").data == b"a"
        together(lambda _: [store.read("a"), store.forget()] and 1, 100)


class _Slow:
    """A file during whose writing the connections are forgotten."""

    def __init__(self, store):
        self.store, self.size = store, 0

    def write(self, data):
        if not self.size:
            self.store.forget()
        self.size += len(data)


def test_threads_that_end_leave_no_connection():
    """However many threads come and go, a few idle connections stay."""
    with serving() as bucket:
        bucket.store.objects["a"] = b"a"
        store = bucket.reader()
        for _ in range(5):
            together(lambda _: store.read("a").data, 40, threads=20)
        gc.collect()
        assert len(store._connections._idle) <= 8


def test_credentials_are_renewed_by_one_thread():
    """The others wait for it; `forget` drops what is just being fetched, too."""
    calls = []

    class Agent(CredentialSource):
        def _from_agent(self):
            calls.append(threading.get_ident())
            time.sleep(0.05)
            return super()._from_agent()

    with socket.create_server(("127.0.0.1", 0)) as server:
        until = "2099-01-01T00:00:00Z"
        answer = json.dumps({"AccessKeyId": "K", "SecretAccessKey": "s",
                             "Token": "t", "Expiration": until}).encode()  # fmt: skip

        def serve():
            with suppress(OSError):
                while True:
                    with server.accept()[0] as one:
                        one.recv(65536)
                        one.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + answer)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        env = {"AWS_REGION": "x", "AWS_CONTAINER_CREDENTIALS_FULL_URI": url}
        source = Agent(env, time.time)
        assert together(lambda _: source.current().key, 40) == {"K": 40}
        assert len(calls) == 1
        source.forget()
        renewing = threading.Thread(target=source.current)
        renewing.start()
        while len(calls) < 2:
            time.sleep(0.001)
        source.forget()
        assert source._cached is None
        renewing.join()


NONSENSE = {
    "nothing": b"",
    "no HTTP": b"\x00\xff\x16\x03 what\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 9\r\n\r\nabc',
    "a broken piece": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    "half a piece": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
    "no size": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "endless heads": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    "a page of a portal": b"HTTP/1.1 511 Log In\r\nContent-Length: 2\r\n\r\nhi",
    "odd bytes": b"HTTP/1.1 403 \xff\xfe\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",
    "no XML": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<R>&x",
    "odd XML": b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n"
               b'<?xml version="1.0" encod=',
}  # fmt: skip


@pytest.mark.parametrize("what", NONSENSE)
@pytest.mark.parametrize("kind", ["signed", "s3"])
def test_nothing_but_a_registry_s_error_leaves_a_bucket(kind, what, aws):
    """Whatever comes back, reading, listing and downloading raise `RegistryError`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with suppress(OSError):
                while True:
                    with server.accept()[0] as one:
                        one.recv(65536)
                        one.sendall(NONSENSE[what])

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        aws.setenv("AWS_ENDPOINT_URL", url)
        if kind == "signed":
            store = SignedStore("s3://b/p", sleep=lambda _: None)
        else:
            once = Config(retries={"total_max_attempts": 1})
            store = S3Store("s3://b/p", boto3.client("s3", config=once))
        for act in (
            lambda: list(store.list("x/")),
            lambda: list(store.folders("x/")),
            lambda: store.read("key"),
            lambda: store.download("key", io.BytesIO()),
        ):
            with suppress(RegistryError):  # anything else fails the test
                act()
        if "XML" in what:
            with pytest.raises(RegistryError):
                list(store.list("x/"))


def test_nothing_but_a_registry_s_error_leaves_a_folder(tmp_path):
    """Folders in the place of files, names that are none, and what may not be read."""
    store = FolderStore(tmp_path)
    (tmp_path / "models/a").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"x")
    for key in ("models/a", "models", "file/below", "a\0b", "x" * 5000, "\ud800"):
        for act in (
            lambda key=key: store.read(key),
            lambda key=key: store.download(key, io.BytesIO()),
            lambda key=key: store.write(f"{key}/y", b""),
            lambda key=key: store.delete(f"{key}"),
            lambda key=key: list(store.folders(f"{key}/")),
            lambda key=key: list(store.list(f"{key}/")),
        ):
            with suppress(RegistryError):
                act()


def test_more_bytes_than_were_said_are_damage(publish, tmp_path):
    """A blob that is too long is refused like any wrong one, whatever the store."""
    with serving() as bucket:
        manifest = publish(Registry(bucket.store))
        for file in manifest.files.values():
            bucket.store.objects[layout.blob(file.sha256)] += b"more"
        for store in (bucket.reader(), bucket.store):
            with pytest.raises(
                IntegrityError, match=r"mood@1, golden\.json: its bytes"
            ):
                Registry(store).fetch(manifest, Cache(tmp_path), ["golden.json"])


def test_an_idle_connection_is_kept_only_if_its_answer_was_read():
    """What is left of an answer is never read as the next."""
    with serving() as bucket:
        pool = Connections(f"127.0.0.1:{bucket.server_port}", secure=False)
        bucket.store.objects["a"] = b"abc"
        for read in (True, False):
            connection, used = pool.acquire()
            assert not used
            connection.request("GET", "/bucket/prefix/a")
            response = connection.getresponse()
            if read:
                assert response.read() == b"abc"
            pool.release(connection, response)
            again, used = pool.acquire()
            assert used is read
            again.close()


def test_a_service_over_one_bucket_answers_eight_threads(publish, tmp_path):
    """Catalogues, cards, cold starts and looks at once: all right, all 200."""
    store = MemoryStore()
    writer = Registry(store)
    live = {"mood": 1, "other": 2}
    for model, number in live.items():
        publish(writer, model=model), publish(writer, model=model, positive=0.8)
        writer.promote(Reference(model, version=number), by="ada")
    seen = Counter()
    with serving(store, dropping=61) as bucket:
        registry = Registry(bucket.reader())

        def router(number):
            settings = Settings(
                cache=str(tmp_path / f"cache{number}"),
                default_model="mood",
                refresh_seconds=0.05,
                log=False,
            )
            return Router(ModelCache(registry, settings), settings)

        shared = router("shared")

        def act(number):
            asked = router(number) if number % 100 == 50 else shared
            model = ("mood", "other")[number // 5 % 2]
            match number % 5:
                case 0:
                    path, method = "/v1/models", "GET"
                case 1:
                    path, method = f"/v1/models/{model}", "GET"
                case 2:
                    path, method = "/v2/repository/index", "POST"
                case _:
                    path, method = f"/v1/models/{model}/predict", "POST"
            body = b'{"text": "good"}' if path.endswith("predict") else b""
            answer = asked.answer(Request(method, path, body, {}, str(number)))
            seen[path] += 1
            if answer.status != 200:
                return f"{answer.status} {path} {answer.body[:200]}"
            return "right" if said(json.loads(answer.body)) <= live.items() else "wrong"

        assert together(act, 2_000) == {"right": 2_000}
    assert min(seen.values()) >= 200


def said(answer):
    """Return which version of each model an answer says is live."""
    if isinstance(answer, dict):
        if "models" in answer:
            return {(item["name"], item["version"]) for item in answer["models"]}
        return {(answer.get("name") or answer["model"], answer["version"])}
    return {(item["name"], int(item["version"])) for item in answer}
