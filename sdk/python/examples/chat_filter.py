"""A bot that moderates a chat: hide insults, report other lines to moderators.

    pip install 'hotseat[async]'
    python chat_server.py --port 7070 &
    python chat_filter.py --port 7070 --url http://localhost:8080

The bot hides the lines that the version flags at its operating point: at most one
harmless line in a hundred, or another one that the studio names. It sends the lines
before as context. It passes implicit insults to a person, and forwards
reports by players. If the service is unavailable, it hides nothing and notifies the
moderators once. With discord.py, `on_message` calls `Filter.judge`; the actions are
methods of discord.py.
"""

import argparse
import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chat_server import MODERATORS, join

from hotseat import Prediction
from hotseat.aio import AsyncModelServiceClient

MODEL = "chat-moderation"
SURE = {"toxic": 0.7, "implicit": 0.7, "report": 0.5}
"""Minimum probability of a label for its action, where no operating point decides."""
ACTIONS = {"toxic": "hide", "implicit": "flag", "report": "forward"}
CONTEXT = 8
"""Lines before a line that are sent with it."""
AT_ONCE = 64
"""Maximum number of lines judged concurrently; others wait."""


@dataclass(frozen=True)
class Verdict:
    """The action for a line: pass, hide, flag or forward."""

    action: str
    prediction: Prediction


class Filter:
    """Judges lines, independently of the chat server."""

    def __init__(self, client: AsyncModelServiceClient) -> None:
        self._client = client

    async def judge(self, text: str, before: Sequence[str] = ()) -> Verdict:
        """Return the action; without the service, every line passes.

        `before` are the lines before it, oldest first.
        """
        if not text.strip():
            return Verdict("pass", Prediction(label="ok"))
        prediction = await self._client.predict(
            {"text": text, "context": [*before]}, model=MODEL, default="ok"
        )
        label = prediction.label or "ok"
        if prediction.flagged:
            return Verdict("hide", prediction)
        if prediction.flagged is False and label == "toxic":
            return Verdict("flag", prediction)  # under the operating point
        sure = (prediction.probability or 0.0) >= SURE.get(label, 2.0)
        return Verdict(ACTIONS[label] if sure else "pass", prediction)


class Bot:
    """Applies verdicts in a chat."""

    def __init__(
        self,
        judge: Filter,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._judge, self._reader, self._writer = judge, reader, writer
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._away = False
        self._lines: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=CONTEXT))
        """The last lines of each channel."""

    async def run(self) -> None:
        """Judge the lines of players until the chat ends."""
        async with asyncio.TaskGroup() as tasks:
            while line := await self._reader.readline():
                event = json.loads(line)
                if event["t"] == "MESSAGE_CREATE" and not event["bot"]:
                    await self._slots.acquire()
                    tasks.create_task(self._handle(event))

    async def _handle(self, event: dict[str, Any]) -> None:
        lines = self._lines[event["channel"]]
        before = tuple(lines)
        lines.append(event["content"])
        try:
            verdict = await self._judge.judge(event["content"], before)
        finally:
            self._slots.release()
        self._watch(verdict.prediction)
        where = f"#{event['channel']}, message {event['id']}"
        sure = f"{verdict.prediction.probability or 0:.0%}"
        if verdict.action == "hide":
            self._send({"t": "MESSAGE_DELETE", "id": event["id"]})
            self._tell(f"hidden ({sure}): {where}: {event['content']}")
        elif verdict.action == "flag":
            self._tell(f"please look ({sure}): {where}: {event['content']}")
        elif verdict.action == "forward":
            self._tell(f"{event['author']} asks: {where}: {event['content']}")

    def _watch(self, prediction: Prediction) -> None:
        """Notify moderators when the service becomes unavailable or available."""
        if prediction.is_default != self._away:
            self._away = prediction.is_default
            gone = "the filter is away: nothing is hidden"
            self._tell(gone if self._away else "the filter is back")

    def _tell(self, text: str) -> None:
        self._send({"t": "MESSAGE_CREATE", "channel": MODERATORS, "content": text})

    def _send(self, event: dict[str, Any]) -> None:
        self._writer.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")


async def main() -> None:
    """Join and judge until the chat ends."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--port", type=int, default=7070, help="port of the chat server"
    )
    parser.add_argument("--url", help="default: HOTSEAT_URL, else localhost:8080")
    parser.add_argument("--deadline", type=float, default=0.5, help="default: 0.5 s")
    arguments = parser.parse_args()
    reader, writer = await join(arguments.port, "hotseat", "bot")
    async with AsyncModelServiceClient(
        arguments.url, deadline=arguments.deadline
    ) as client:
        await Bot(Filter(client), reader, writer).run()


if __name__ == "__main__":
    asyncio.run(main())
