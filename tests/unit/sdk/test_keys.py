"""Who asks: keys, tokens and signatures that are sent, and shown nowhere."""

import asyncio
import hashlib
import hmac
import logging
import traceback
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.credentials import Credentials

from hotseat import (
    AuthError,
    ConfigError,
    HotseatError,
    ModelServiceClient,
    TokenError,
    TransportError,
)
from hotseat.aio import AsyncModelServiceClient
from hotseat.sigv4 import SigV4
from hotseat.testing import AsyncFakeTransport, FakeTransport, Request, Response

SECRET = "s3cr3t-k3y-0f-m1n3"
OK = {"label": "ok"}


class Session:
    """A botocore session with fixed credentials."""

    def __init__(self, token=None):
        self.found = Credentials("AKIDEXAMPLE", SECRET, token)

    def get_credentials(self):
        return self.found


def client(*answers, **options):
    """A client with canned answers, and its transport."""
    transport = FakeTransport(*(answers or [OK]))
    options = {"sleep": lambda _: None, "deadline": 1.0, **options}
    return ModelServiceClient(transport=transport, **options), transport


def test_a_token_is_fetched_for_each_try():
    """A token that ran out between two tries is replaced."""
    tokens = iter(["first", "second"])
    asker, transport = client(TransportError("reset"), OK, api_key=lambda: next(tokens))
    asker.predict("gg")
    sent = [request.headers["authorization"] for request in transport.requests]
    assert sent == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("returns", [None, 3, b"x"])
def test_a_token_that_is_no_text_is_told(returns):
    """It names the type, and not what was returned."""
    asker, _ = client(api_key=lambda: returns)
    with pytest.raises(ConfigError, match=type(returns).__name__):
        asker.predict("gg", default="ok")


def failing():
    """A token function that fails with the secret in its words."""
    raise RuntimeError(f"login with {SECRET} failed")


async def async_failing():
    failing()


def test_a_token_function_that_fails_is_no_reason_to_stop():
    """The game gets its default, or a documented error without the function's words."""
    asker, transport = client(api_key=failing)
    assert asker.predict("gg", default="ok").is_default
    with pytest.raises(TokenError, match="RuntimeError in api_key") as caught:
        asker.predict("gg")
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert transport.requests == []
    for _ in range(9):
        assert asker.predict("gg", default="ok").is_default
    assert asker.circuit_opened_count == 0  # it was not the service that failed


def test_a_slow_token_function_takes_from_the_deadline():
    """What it took is not given to the request as well."""
    now = [0.0]

    def slow():
        now[0] += 0.7
        return "t"

    class Late(FakeTransport):
        def send(self, request, timeout):
            assert timeout == pytest.approx(0.3)
            return super().send(request, timeout)

    late = Late(OK)
    asker = ModelServiceClient(
        transport=late, api_key=slow, clock=lambda: now[0], deadline=1.0
    )
    assert asker.predict("gg").label == "ok"
    with pytest.raises(TokenError):
        asker.predict("gg", deadline=0.5)
    assert len(late.requests) == 1


async def test_asynchronous_tokens_are_awaited():
    """A coroutine function, and a plain one, both give the bearer."""

    async def fetch():
        await asyncio.sleep(0)
        return "t-1"

    for token in (fetch, lambda: "t-1"):
        transport = AsyncFakeTransport(OK)
        asker = AsyncModelServiceClient(transport=transport, api_key=token)
        assert (await asker.predict("gg")).label == "ok"
        assert transport.requests[0].headers["authorization"] == "Bearer t-1"
    for token in (async_failing, failing):
        asker = AsyncModelServiceClient(
            transport=AsyncFakeTransport(OK), api_key=token, deadline=0.05
        )
        with pytest.raises(TokenError, match="RuntimeError") as caught:
            await asker.predict("gg")
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    never = AsyncModelServiceClient(
        transport=AsyncFakeTransport(OK), api_key=asyncio.Event().wait, deadline=0.05
    )
    with pytest.raises(TokenError):
        await never.predict("gg")


def test_a_key_or_a_signature_not_both():
    """Two ways to say who asks are a mistake to see."""
    with pytest.raises(ConfigError, match="not both"):
        client(api_key="k", auth=SigV4("eu-west-1", session=Session()))


def test_no_secret_is_shown_anywhere(caplog, monkeypatch):
    """In no repr, log at any level, error or traceback, whatever is answered."""
    monkeypatch.setenv("HOTSEAT_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    seen = []
    answers = (
        Response(403, {}, b"{}"), Response(500, {}, b"x"), TransportError("reset"),
        Response(302, {"location": "http://x"}, b""), Response(200, {}, b"<html>"),
    )  # fmt: skip
    for options in (
        {}, {"api_key": SECRET}, {"api_key": lambda: SECRET},
        {"auth": SigV4("eu-west-1", session=Session(SECRET))},
    ):  # fmt: skip
        asker, transport = client(*answers, **options)
        seen += [asker, asker._core, asker._core.keys, options.get("auth")]
        for _ in answers:
            with pytest.raises(HotseatError) as caught:
                asker.predict("gg", deadline=0.01)
            seen += traceback.format_exception(caught.value)
        seen += transport.requests
        headers = [value for r in transport.requests for value in r.headers.values()]
        assert any(SECRET in value or "AKIDEXAMPLE" in value for value in headers)
    with ModelServiceClient("http://127.0.0.1:9", api_key=SECRET) as real:
        with pytest.raises(TransportError) as caught:
            real.predict("gg", deadline=0.2)
        seen += traceback.format_exception(caught.value)
    with pytest.raises(ConfigError) as caught:
        ModelServiceClient(proxy=f"http://me:{SECRET}@[proxy")
    seen += traceback.format_exception(caught.value)
    told = "".join(map(repr, seen)) + "".join(map(str, seen)) + caplog.text
    assert SECRET not in told


class Frozen(datetime):
    """The moment of AWS's published vectors."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2015, 8, 30, 12, 36, tzinfo=tz)

    @classmethod
    def utcnow(cls):
        return datetime(2015, 8, 30, 12, 36)  # noqa: DTZ001 (as botocore's own)


@pytest.fixture
def frozen(monkeypatch):
    """Signatures of 2015-08-30, as in AWS's test suite."""
    if hasattr(botocore.auth, "get_current_datetime"):
        monkeypatch.setattr(
            botocore.auth, "get_current_datetime",
            lambda remove_tzinfo=True: Frozen.now(None if remove_tzinfo else UTC),
        )  # fmt: skip
    else:
        monkeypatch.setattr(botocore.auth.datetime, "datetime", Frozen)


PUBLISHED = [  # AWS Signature Version 4 test suite: get-vanilla, post-vanilla
    ("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
]


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(("method", "signature"), PUBLISHED)
def test_signatures_are_awss_own(method, signature):
    """The published vectors come out to the letter."""
    session = Session()
    session.found = Credentials(
        "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    )
    signer = SigV4("us-east-1", service="service", session=session)
    headers = signer(Request(method, "https://example.amazonaws.com/"))
    assert headers["x-amz-date"] == "20150830T123600Z"
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
        f"aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def verified(request, secret):
    """Verify a signature as the receiver does, from what was sent alone."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    url = urlsplit(request.url)
    headers["host"] = url.netloc
    how, _, rest = headers["authorization"].partition(" ")
    told = dict(part.strip().split("=", 1) for part in rest.split(","))
    names = told["SignedHeaders"].split(";")
    _, day, region, service, end = told["Credential"].split("/")
    canonical = "\n".join(
        [request.method, quote(url.path, safe="/~"), "",
         *[f"{name}:{headers[name].strip()}" for name in names], "", ";".join(names),
         hashlib.sha256(request.body or b"").hexdigest()]
    )  # fmt: skip
    scope = f"{day}/{region}/{service}/{end}"
    text = "\n".join(
        [how, headers["x-amz-date"], scope,
         hashlib.sha256(canonical.encode()).hexdigest()]
    )  # fmt: skip
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, end):
        key = hmac.digest(key, part.encode(), "sha256")
    assert hmac.new(key, text.encode(), "sha256").hexdigest() == told["Signature"]
    return names


def test_a_signed_request_is_verified_by_its_receiver():
    """What is sent, body and quoted path included, bears the right signature."""
    asker, transport = client(auth=SigV4("eu-west-1", session=Session("session-1")))
    asker.predict({"text": "好 🎮"}, model="a b", version="live")
    request = transport.requests[0]
    assert request.headers["x-amz-security-token"] == "session-1"
    assert "/eu-west-1/execute-api/" in request.headers["authorization"]
    names = verified(request, SECRET)
    assert set(names) >= {"host", "x-amz-date", "content-type", "x-amz-security-token"}
    assert not set(names) & {
        "user-agent",
        "accept",
        "deadline-ms",
    }  # proxies change them


def test_without_credentials_it_says_so():
    """A server without a role is told what to set."""
    session = Session()
    session.found = None
    asker, _ = client(auth=SigV4("eu-west-1", session=session))
    with pytest.raises(ConfigError, match="AWS_PROFILE"):
        asker.predict("gg", default="ok")


def test_the_games_name_goes_along():
    """User-Agent names the game first and this package after it."""
    asker, transport = client(user_agent="chess-arena/2.1")
    asker.predict("gg")
    sent = transport.requests[0].headers["user-agent"]
    assert sent.startswith("chess-arena/2.1 hotseat-python/")
    with pytest.raises(ConfigError, match="user_agent"):
        client(user_agent="a\r\nx-evil: 1")


def test_an_expired_token_is_replaced_at_once():
    """After a 401 the function is called again, once; a fixed key is not sent again."""
    expired = Response(401, {"x-request-id": "r-1"}, b'{"detail": "expired"}')
    tokens = iter("abcd")
    transport = FakeTransport(expired, {"label": "ok"}, expired)
    client = ModelServiceClient(transport=transport, api_key=lambda: next(tokens))
    assert client.predict("gg").label == "ok"
    with pytest.raises(AuthError) as caught:
        client.predict("gg")
    assert caught.value.request_id == "r-1"
    sent = [request.headers["authorization"] for request in transport.requests]
    assert sent == ["Bearer a", "Bearer b", "Bearer c", "Bearer d"]
    fixed = FakeTransport(expired)
    with pytest.raises(AuthError):
        ModelServiceClient(transport=fixed, api_key="k").predict("gg")
    assert len(fixed.requests) == 1
