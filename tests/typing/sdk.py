"""What a type checker knows of the SDK: held by ``mypy --strict`` in ``make lint``.

Nothing here runs. An ignore that is not needed any more is an error as well, so that
what must be refused is refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, assert_type

from hotseat import (
    Call,
    Download,
    Model,
    ModelServiceClient,
    Prediction,
    TextAnswer,
    TextStream,
    TextTicket,
    Ticket,
)
from hotseat.aio import AsyncModelServiceClient, HttpxTransport
from hotseat.errors import HotseatError, StatusError
from hotseat.sigv4 import SigV4
from hotseat.testing import AsyncFakeTransport, FakeTransport, Request, Response


def called(client: ModelServiceClient, board: list[list[int]]) -> None:
    """Each method returns its own value."""
    assert_type(client.predict("gg"), Prediction)
    assert_type(client.predict({"hours": 3}, model="churn", version=3), Prediction)
    assert_type(client.predict(board, model="four", default=0), Prediction)
    assert_type(client.predict_many(["a", "b"]), list[Prediction])
    assert_type(client.choose(board, model="four", legal=[1, "2"]), Prediction)
    assert_type(client.generate({"boxes": 3}, model="levels"), Prediction)
    assert_type(client.explain("gg", model="chat"), Prediction)
    assert_type(client.submit("gg"), Ticket)
    assert_type(client.submit("gg").result(default="ok", wait=1), Prediction)
    assert_type(client.submit("gg").ready(), bool)
    assert_type(client.say("Hi", model="npc", default="Hm."), TextStream)
    assert_type(client.say({"words": "Hi"}, model="npc").result(), TextAnswer)
    assert_type(client.submit_say([{"role": "user"}], model="npc"), TextTicket)
    assert_type(client.models(), list[Model])
    assert_type(client.card("chat"), Model)
    assert_type(client.ready(), bool)
    assert_type(client.download("four#live", folder=Path("x")), Download)
    assert_type(client.circuit_opened_count, int)


async def awaited(client: AsyncModelServiceClient) -> None:
    """The asynchronous client returns the same."""
    assert_type(await client.predict("gg"), Prediction)
    assert_type(await client.predict_many(["a"], default="ok"), list[Prediction])
    assert_type(await client.choose([[0]], model="four"), Prediction)
    assert_type(await client.generate(model="levels", seed=1), Prediction)
    assert_type(await client.explain("gg", model="chat"), Prediction)
    assert_type(await client.say("Hi", model="npc"), TextAnswer)
    assert_type(await client.submit_say("Hi", model="npc"), TextAnswer)
    assert_type(await client.models(), list[Model])
    assert_type(await client.card("chat"), Model)
    assert_type(await client.download("four#live"), Download)


def fields(prediction: Prediction, model: Model, download: Download) -> None:
    """Fields have their types, and values cannot be changed."""
    assert_type(prediction.label, str | None)
    assert_type(prediction.scores, Mapping[str, float])
    assert_type(prediction.item, tuple[str, ...] | None)
    assert_type(prediction.version, int | None)
    assert_type(prediction.latency, float)
    assert_type(prediction.cold, bool)
    assert_type(prediction.is_default, bool)
    assert_type(prediction.source, Literal["service", "cache", "offline", "default"])
    assert_type(model.versions, tuple[int, ...])
    assert_type(download.folder, Path)
    prediction.label = "x"  # type: ignore[misc]
    model.name = "x"  # type: ignore[misc]


def made(error: StatusError, call: Call) -> None:
    """Whatever a client may be made with."""
    ModelServiceClient("https://x", api_key="k", deadline=0.3, cache_seconds=60)
    ModelServiceClient(api_key=lambda: "t", proxy="http://p", ca_file=Path("ca.pem"))
    ModelServiceClient(auth=SigV4("eu-west-1"), hook=print, window=0.01, batch=8)
    fake = FakeTransport({"label": "ok"}, Response(503), error, answered)
    assert_type(fake.requests, list[Request])
    ModelServiceClient(transport=fake)
    AsyncModelServiceClient(transport=AsyncFakeTransport({"label": "ok"}))
    AsyncModelServiceClient(api_key=token, transport=HttpxTransport())
    assert_type(call.tries, int)
    assert_type(error.retry_after, float | None)
    assert_type(error.code, str)


def answered(request: Request) -> dict[str, Any]:
    """Answer by the request."""
    return {"label": request.url}


async def token() -> str:
    """Fetch a player's token."""
    return "t"


def refused(client: ModelServiceClient) -> None:
    """What cannot work is seen before it runs."""
    client.predict(3)  # type: ignore[arg-type]
    client.predict("gg", "chat")  # type: ignore[call-arg]
    client.explain("gg")  # type: ignore[call-arg]
    client.choose([[0]], model="four", level=3)  # type: ignore[arg-type]
    client.submit("gg", default="ok")  # type: ignore[call-arg]
    ModelServiceClient(api_key=3)  # type: ignore[arg-type]
    ModelServiceClient(auth="key")  # type: ignore[arg-type]
    FakeTransport("ok")  # type: ignore[arg-type]
    raise HotseatError
