"""A small chat server on loopback, with the events of Discord's gateway.

    python chat_server.py --port 7070

Each line is a JSON object with the name of an event of Discord's gateway: a member
identifies itself (IDENTIFY), then sends and receives MESSAGE_CREATE; a bot may also
send MESSAGE_DELETE. Only bots and moderators receive the messages in `moderators`.
"""

import argparse
import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

MODERATORS = "moderators"
LONGEST = 8192
"""Maximum bytes of a line."""


@dataclass(eq=False)
class Member:
    """One connection."""

    writer: asyncio.StreamWriter
    name: str
    role: str
    """player, moderator or bot."""

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event."""
        self.writer.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")


@dataclass
class ChatServer:
    """The connected members."""

    members: set[Member] = field(default_factory=set)
    last_id: int = 0
    """The id of the last message."""

    async def start(self, port: int = 0) -> asyncio.Server:
        """Listen on loopback."""
        return await asyncio.start_server(self._serve, "127.0.0.1", port, limit=LONGEST)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        member = None
        try:
            hello = json.loads(await reader.readline())
            if hello.get("t") != "IDENTIFY":
                return
            member = Member(writer, str(hello["name"]), hello.get("role", "player"))
            self.members.add(member)
            member.tell({"t": "READY"})
            while line := await reader.readline():
                self._act(member, json.loads(line))
        except (ValueError, KeyError, AttributeError, ConnectionError):
            pass  # disconnect after an invalid message
        finally:
            self.members.discard(member)  # type: ignore[arg-type]
            writer.close()

    def _act(self, member: Member, event: dict[str, Any]) -> None:
        if event["t"] == "MESSAGE_CREATE":
            channel = str(event["channel"])
            self.last_id += 1
            message = {
                "t": "MESSAGE_CREATE",
                "id": self.last_id,
                "channel": channel,
                "author": member.name,
                "bot": member.role == "bot",
                "content": str(event["content"]),
            }
            self._tell(message, private=channel == MODERATORS)
        elif event["t"] == "MESSAGE_DELETE" and member.role == "bot":
            self._tell({"t": "MESSAGE_DELETE", "id": int(event["id"])}, private=False)

    def _tell(self, event: dict[str, Any], *, private: bool) -> None:
        for member in self.members:
            if not private or member.role != "player":
                member.tell(event)


async def join(
    port: int, name: str, role: str = "player"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a chat server under a name and role."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LONGEST)
    hello = {"t": "IDENTIFY", "name": name, "role": role}
    writer.write(json.dumps(hello).encode() + b"\n")
    await reader.readline()  # READY
    return reader, writer


async def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=7070)
    server = await ChatServer().start(parser.parse_args().port)
    print("chat on", *server.sockets[0].getsockname())
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
