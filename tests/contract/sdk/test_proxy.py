"""Proxies: what is sent goes by them, over TLS as well; their password is hidden."""

import base64
import contextlib
import re
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from fault_proxy import FaultProxy

from hotseat import ConfigError, DeadlineError, HotseatError, ModelServiceClient
from hotseat.aio import AsyncModelServiceClient
from hotseat.testing import FakeTransport

BASIC = "Basic " + base64.b64encode(b"ada:s3cret").decode()


class Forward:
    """A proxy that wants a password; it forwards, or makes a tunnel."""

    def __init__(self):
        self.seen, self.slow = [], False
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.url = f"http://ada:s3cret@127.0.0.1:{port}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            line, _, rest = head.partition(b"\r\n")
            method, target, _ = line.decode().split()
            self.seen.append(f"{method} {target}")
            if self.slow:
                time.sleep(1)
            if f"proxy-authorization: {BASIC}".encode() not in rest.replace(
                b"Proxy-Authorization", b"proxy-authorization"
            ):
                client.sendall(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
                return
            if method == "CONNECT":
                host, _, port = target.partition(":")
                service = socket.create_connection((host, int(port)))
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                url = urlsplit(target)
                service = socket.create_connection((url.hostname, url.port))
                rest = re.sub(rb"(?i)connection: .*?\r\n", b"", rest)
                service.sendall(f"{method} {url.path} HTTP/1.1\r\n".encode() + rest)
            with service:
                back = threading.Thread(target=pump, args=(service, client))
                back.start()
                pump(client, service)
                back.join()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def pump(source, target):
    """Hand on what comes until it ends."""
    with contextlib.suppress(OSError):
        while more := source.recv(65536):
            target.sendall(more)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def forward():
    """The proxy."""
    made = Forward()
    yield made
    made.close()


@pytest.fixture(scope="module")
def service():
    """The service behind it."""
    with FaultProxy() as running:
        yield running


def test_a_plain_request_goes_by_the_proxy(forward, service):
    """With its password, and the answer comes back."""
    with ModelServiceClient(service.url, proxy=forward.url) as client:
        assert client.predict("gg", deadline=5).label == "gg"
    assert forward.seen == [f"POST {service.url}/model-service"]


def test_over_tls_it_makes_a_tunnel(forward, service):
    """The proxy sees the host and nothing else."""
    with ModelServiceClient(
        service.secure_url, proxy=forward.url, ca_file=service.certificate
    ) as client:
        assert client.predict("gg", deadline=5).label == "gg"
    host = service.secure_url.removeprefix("https://")
    assert forward.seen == [f"CONNECT {host}"]


async def test_the_asynchronous_client_goes_by_it_as_well(forward, service):
    """Plain and over TLS."""
    for url in (service.url, service.secure_url):
        async with AsyncModelServiceClient(
            url, proxy=forward.url, ca_file=service.certificate
        ) as client:
            assert (await client.predict("gg", deadline=5)).label == "gg"
    assert [line.split()[0] for line in forward.seen] == ["POST", "CONNECT"]


def test_a_proxy_that_refuses_or_dawdles_is_told(forward, service):
    """A documented error, in time, without the password."""
    wrong = forward.url.replace("s3cret", "wr0ng")
    for url in (service.url, service.secure_url):
        with ModelServiceClient(url, proxy=wrong, deadline=0.2) as client:
            with pytest.raises(HotseatError) as caught:
                client.predict("gg")
            assert "wr0ng" not in repr(caught.value) + str(caught.value)
            assert client.predict("gg", default="ok").is_default
    forward.slow = True
    with ModelServiceClient(service.secure_url, proxy=forward.url) as client:
        began = time.monotonic()
        with pytest.raises(DeadlineError):
            client.predict("gg", deadline=0.2)
        assert time.monotonic() - began < 0.8


def test_the_environments_proxies_are_not_read(service, monkeypatch):
    """What a player's machine has set sends no key anywhere."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with ModelServiceClient(service.url) as client:
        assert client.predict("gg", deadline=5).label == "gg"


@pytest.mark.parametrize("made", [ModelServiceClient, AsyncModelServiceClient])
def test_what_cannot_work_is_refused_at_once(made, tmp_path):
    """No proxy, no certificates, or both beside a transport of one's own."""
    with pytest.raises(ConfigError, match="proxy is not a URL"):
        made(proxy="http://ada:s3cret@[x")
    with pytest.raises(ConfigError, match="holds no certificates"):
        made("https://x", ca_file=tmp_path / "none.pem")
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(ConfigError, match="holds no certificates"):
        made("https://x", ca_file=empty)
    with pytest.raises(ConfigError, match="to your transport, not to the client"):
        made(proxy="http://x", transport=FakeTransport({}))
