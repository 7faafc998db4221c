"""A bot that keeps a chat kind: hides insults, shows moderators what they should see.

    pip install 'hotseat[async]'
    python chat_server.py --port 7070 &
    python chat_filter.py --port 7070 --url http://localhost:8080

What is toxic is hidden. What hurts between the lines (implicit) stays, and is flagged
for a person to judge. When a player asks for something to be done (report), that is
passed on. Where the service is away nothing is hidden, and moderators are told once.
With discord.py, `on_message` calls `Filter.judge`, and the rest is its own methods.
"""

import argparse
import asyncio
import json
from dataclasses import dataclass
from typing import Any

from chat_server import MODERATORS, join

from hotseat import Prediction
from hotseat.aio import AsyncModelServiceClient

MODEL = "chat-moderation"
SURE = {"toxic": 0.7, "implicit": 0.7, "report": 0.5}
"""How probable a label has to be before anything is done."""
ACTIONS = {"toxic": "hide", "implicit": "flag", "report": "forward"}
AT_ONCE = 64
"""Lines that are judged side by side; more wait."""


@dataclass(frozen=True)
class Verdict:
    """What to do with a line: pass, hide, flag or forward."""

    action: str
    said: Prediction


class Filter:
    """Judges lines; knows nothing of the chat server."""

    def __init__(self, client: AsyncModelServiceClient) -> None:
        self._client = client

    async def judge(self, text: str) -> Verdict:
        """Return what to do; a service that is away lets everything pass."""
        if not text.strip():
            return Verdict("pass", Prediction(label="ok"))
        said = await self._client.predict(text[:2000], model=MODEL, default="ok")
        label = said.label or "ok"
        sure = (said.probability or 0.0) >= SURE.get(label, 2.0)
        return Verdict(ACTIONS[label] if sure else "pass", said)


class Bot:
    """Carries out verdicts in a chat."""

    def __init__(
        self,
        judge: Filter,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._judge, self._reader, self._writer = judge, reader, writer
        self._room = asyncio.Semaphore(AT_ONCE)
        self._away = False

    async def run(self) -> None:
        """Judge what players say, until the chat ends."""
        async with asyncio.TaskGroup() as tasks:
            while line := await self._reader.readline():
                event = json.loads(line)
                if event["t"] == "MESSAGE_CREATE" and not event["bot"]:
                    await self._room.acquire()
                    tasks.create_task(self._handle(event))

    async def _handle(self, event: dict[str, Any]) -> None:
        try:
            verdict = await self._judge.judge(event["content"])
        finally:
            self._room.release()
        self._watch(verdict.said)
        where = f"#{event['channel']}, message {event['id']}"
        sure = f"{verdict.said.probability or 0:.0%}"
        if verdict.action == "hide":
            self._send({"t": "MESSAGE_DELETE", "id": event["id"]})
            self._tell(f"hidden ({sure}): {where}: {event['content']}")
        elif verdict.action == "flag":
            self._tell(f"please look ({sure}): {where}: {event['content']}")
        elif verdict.action == "forward":
            self._tell(f"{event['author']} asks: {where}: {event['content']}")

    def _watch(self, said: Prediction) -> None:
        """Tell moderators when nobody judges any more, and when somebody does again."""
        if said.is_default != self._away:
            self._away = said.is_default
            gone = "the filter is away: nothing is hidden"
            self._tell(gone if self._away else "the filter is back")

    def _tell(self, text: str) -> None:
        self._send({"t": "MESSAGE_CREATE", "channel": MODERATORS, "content": text})

    def _send(self, event: dict[str, Any]) -> None:
        self._writer.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")


async def main() -> None:
    """Join and judge until the chat ends."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=7070, help="of the chat server")
    parser.add_argument("--url", help="default: HOTSEAT_URL, else localhost:8080")
    parser.add_argument("--deadline", type=float, default=0.5, help="default: 0.5 s")
    given = parser.parse_args()
    reader, writer = await join(given.port, "hotseat", "bot")
    async with AsyncModelServiceClient(given.url, deadline=given.deadline) as client:
        await Bot(Filter(client), reader, writer).run()


if __name__ == "__main__":
    asyncio.run(main())
