# A copy of functions/hotseat_serve/text/pieces.py, by `make shared`.
"""Turns tokens into pieces of text that can be sent, and finds where a text ends."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_SENTENCE = re.compile(r"[.!?…。！？][\"'”’)\]]*(?=\s|$)|\n")
_UNFINISHED = "\ufffd"
"""What a decoder writes for a character of which bytes are missing."""


@dataclass(slots=True)
class Pieces:
    """The text of an answer so far; `stop` are texts that end it and are left out."""

    decode: Callable[[Sequence[int]], str]
    stop: tuple[str, ...] = ()
    text: str = ""
    """All that may be sent."""
    stopped: bool = False
    """Whether a text of `stop` came."""
    _tokens: list[int] = field(default_factory=list)
    _whole: str = ""

    @property
    def tokens(self) -> int:
        """The number of tokens."""
        return len(self._tokens)

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The tokens by their numbers."""
        return tuple(self._tokens)

    def add(self, tokens: Sequence[int]) -> str:
        """Add tokens; return the further text that may be sent, possibly none.

        An unfinished character, and an end that may begin a text of `stop`, wait.
        """
        self._tokens += tokens
        whole = self.decode(self._tokens)
        if whole.endswith(_UNFINISHED):
            return ""
        self._whole = whole
        ends = [at for at in map(self._whole.find, self.stop) if at >= 0]
        if ends:
            self.stopped = True
            return self._send(min(ends))
        held = max((_overlap(self._whole, stop) for stop in self.stop), default=0)
        return self._send(len(self._whole) - held)

    def end(self) -> str:
        """Return the text that waited, when no further token comes."""
        if self.stopped:
            return ""
        return self._send(len(self._whole))

    def _send(self, until: int) -> str:
        piece = self._whole[len(self.text) : until]
        self.text += piece
        return piece


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of `text` that begins `stop`."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0


def ends_sentence(text: str) -> bool:
    """Whether a text ends with a sentence."""
    return last_sentence_end(text) == len(text.rstrip()) > 0


def last_sentence_end(text: str) -> int:
    """Return where the last complete sentence ends; 0 without one."""
    at = 0
    for match in _SENTENCE.finditer(text.rstrip()):
        at = match.end()
    return at


def split_sentences(text: str) -> tuple[str, str]:
    """Split a text after its last complete sentence."""
    at = last_sentence_end(text)
    while at < len(text) and text[at].isspace():
        at += 1
    return text[:at], text[at:]
