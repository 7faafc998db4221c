"""Reason codes: stable names and translated texts of parts, from a version's file.

::

    {"format": 1, "language": "en", "reasons": {"hours": {
      "for":     {"code": "hours.for", "texts": {"en": "{part} speaks for {answer}"}},
      "against": {"code": "hours.against", "texts": {"en": "..."}}}}}

``for`` is the reason of a weight above 0, ``against`` of one below. Of a text,
``{part}`` becomes the part's name and ``{answer}`` the answer's label or action.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_serve.kinds.json_file import read_object

FILE = "reasons.json"
FORMAT = 1
DIRECTIONS = ("for", "against")


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: its code, and its texts by language."""

    code: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReasonCodes:
    """The reasons of a version."""

    language: str
    """The language of texts where none is asked for, or the asked one is missing."""
    reasons: Mapping[tuple[str, str], Reason]
    """By part and direction."""

    def languages(self) -> list[str]:
        """Return the languages in which there is a text."""
        return sorted({name for one in self.reasons.values() for name in one.texts})

    def described(
        self, parts: Sequence[Mapping[str, Any]], answer: str, language: str | None
    ) -> list[dict[str, Any]]:
        """Return the parts with their codes and texts; a weight of 0 has none."""
        return [
            {**part, **self._reason(part, answer, language or self.language)}
            for part in parts
        ]

    def _reason(
        self, part: Mapping[str, Any], answer: str, language: str
    ) -> dict[str, str]:
        weight, name = part["weight"], part["part"]
        if not weight:
            return {}
        found = self.reasons.get((name, DIRECTIONS[weight < 0]))
        if found is None:
            return {}
        text = found.texts.get(language, found.texts.get(self.language, ""))
        text = text.replace("{part}", name).replace("{answer}", answer)
        return {"code": found.code, **({"text": text} if text else {})}


def read(data: bytes) -> ReasonCodes:
    """Return the reasons of a file; raises `IntegrityError` with the fault."""
    value = read_object(data, FILE, FORMAT)
    language, reasons = value.get("language"), value.get("reasons")
    if not isinstance(language, str) or not isinstance(reasons, dict):
        raise IntegrityError(f"{FILE}: expected a string at /language, and /reasons")
    found: dict[tuple[str, str], Reason] = {}
    for part, directions in reasons.items():
        if not isinstance(directions, dict) or set(directions) - set(DIRECTIONS):
            raise IntegrityError(
                f"{FILE}: expected 'for' and 'against' at /reasons/{part}"
            )
        for direction, reason in directions.items():
            found[part, direction] = _reason(
                reason, f"/reasons/{part}/{direction}", language
            )
    return ReasonCodes(language, found)


def _reason(value: Any, pointer: str, language: str) -> Reason:
    if not isinstance(value, dict) or not isinstance(value.get("code"), str):
        raise IntegrityError(f"{FILE}: expected a string at {pointer}/code")
    texts = value.get("texts", {})
    if not isinstance(texts, dict) or not all(
        isinstance(text, str) for text in texts.values()
    ):
        raise IntegrityError(f"{FILE}: expected texts by language at {pointer}/texts")
    if texts and language not in texts:
        raise IntegrityError(
            f"{FILE}: the language {language!r} of the file is missing at "
            f"{pointer}/texts"
        )
    return Reason(value["code"], texts)
