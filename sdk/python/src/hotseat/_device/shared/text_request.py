# A copy of functions/hotseat_serve/text/text_request.py, by `make shared`.
"""What a caller wants written: the input and the options of a text request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotseat._device.shared.text_plan import ROLES, TextPlan
from hotseat._device.text.problems import (
    Problem,
    expected,
    inside,
    invalid,
    json_type,
    listed,
    quoted,
)
from hotseat._device.warnings import Warnings
from hotseat._device.wording import is_number

MAX_SEED = (1 << 53) - 1
MAX_TEMPERATURE = 2.0
MAX_STOPS, MAX_STOP_CHARACTERS = 8, 64
MAX_MESSAGES = 64
MAX_PROMPT = 1 << 18
"""Characters of all that a request says; the context's tokens limit it further."""
_INPUT = ("prompt", "messages", "context")
_OPTIONS = (
    "max_tokens", "temperature", "top_p", "seed", "stop", "schema", "grammar",
    "deadline_ms", "stream", "player", "strict",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One request for a text. Absent options have the plan's values."""

    prompt: str | None = None
    messages: tuple[tuple[str, str], ...] | None = None
    """Pairs of role and content."""
    context: Mapping[str, str] | None = None
    """The slots of the version's template."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: Any = None
    """A JSON schema (an object or a boolean) that the answer fulfils."""
    grammar: str | None = None
    """A Lark grammar, as llguidance reads it, that the answer fulfils."""
    deadline_ms: float | None = None
    stream: bool = False
    player: str = ""
    passages: str | None = None
    """What the service found for the template's slot of `TextPlan.retrieval`."""
    raw: bool = False
    """Whether the prompt is continued as it is, without the format of a chat."""

    @classmethod
    def read(cls, body: Any, warnings: Warnings) -> "TextRequest":
        """Read ``{"input": {...}, "options": {...}}``; raises `Problem`."""
        if not isinstance(body, Mapping):
            raise expected("an object", "", body)
        options = body.get("options", {})
        if options is None:
            options = {}
        if not isinstance(options, Mapping):
            raise expected("an object", "/options", options)
        strict = _boolean(options, "strict")
        warnings.strict = warnings.strict or strict
        if unknown := body.keys() - {"input", "options", "player_id"}:
            warnings.unknown(unknown, ("input", "options", "player_id"), "")
        if unknown := options.keys() - set(_OPTIONS):
            warnings.unknown(unknown, _OPTIONS, "/options")
        return cls(
            **read_input(body.get("input"), warnings),
            max_tokens=_whole(options, "max_tokens", 1, 1 << 17),
            temperature=_number(options, "temperature", 0, MAX_TEMPERATURE),
            top_p=_number(options, "top_p", 0, 1),
            seed=_whole(options, "seed", 0, MAX_SEED),
            stop=read_stop(options.get("stop"), "/options/stop"),
            schema=read_schema(options.get("schema"), "/options/schema"),
            grammar=_grammar(options),
            deadline_ms=_number(options, "deadline_ms", 1, 3_600_000),
            stream=_boolean(options, "stream"),
            player=_player(options, body),
        )


def read_input(given: Any, warnings: Warnings) -> dict[str, Any]:
    """Return prompt, messages and context of an input; raises `Problem`.

    A text alone is a prompt.
    """
    if isinstance(given, str):
        given = {"prompt": given}
    if not isinstance(given, Mapping):
        raise expected(
            'an object such as {"prompt": "..."}', "/input", given
        )  # fmt: skip
    if unknown := given.keys() - set(_INPUT):
        warnings.unknown(unknown, _INPUT, "/input")
    prompt = given.get("prompt")
    if prompt is not None:
        check_text(prompt, "/input/prompt")
    messages = given.get("messages")
    found = {
        "prompt": prompt,
        "messages": None if messages is None else read_messages(
            messages, "/input/messages"
        ),
        "context": _context(given.get("context")),
    }  # fmt: skip
    if all(value is None for value in found.values()):
        raise invalid(
            "expected prompt, messages or context at /input, got none of them", "/input"
        )
    if found["messages"] is not None and prompt is not None:
        raise invalid(
            "expected prompt or messages at /input, got both: make the prompt the last "
            "message",
            "/input",
        )
    return found


def read_messages(given: Any, pointer: str) -> tuple[tuple[str, str], ...]:
    """Return a list of messages as pairs of role and content; raises `Problem`."""
    if not isinstance(given, list) or not 0 < len(given) <= MAX_MESSAGES:
        raise expected(f"a list of 1 to {MAX_MESSAGES} messages", pointer, given)
    found = []
    for at, message in enumerate(given):
        place = f"{pointer}/{at}"
        if not isinstance(message, Mapping):
            raise expected("an object with role and content", place, message)
        role, content = message.get("role"), message.get("content")
        if role == "developer":  # the later name of OpenAI's
            role = "system"
        if role not in ROLES:
            named = quoted(role) if isinstance(role, str) else json_type(role)
            raise invalid(
                f"expected {', '.join(ROLES)} at {place}/role, got {named}",
                f"{place}/role",
            )
        if isinstance(content, list):  # OpenAI's parts
            content = _joined(content, f"{place}/content")
        found.append((role, check_text(content, f"{place}/content")))
    if sum(len(content) for _, content in found) > MAX_PROMPT:
        raise Problem("too_large", f"the messages have over {MAX_PROMPT:,} characters")
    return tuple(found)


def _joined(given: list[Any], pointer: str) -> str:
    texts = []
    for at, part in enumerate(given):
        if not isinstance(part, Mapping) or part.get("type") != "text":
            raise invalid(
                f"expected a part of type text at {pointer}/{at}: this model reads no "
                "other",
                f"{pointer}/{at}",
            )
        texts.append(check_text(part.get("text"), f"{pointer}/{at}/text"))
    return "".join(texts)


def check_text(given: Any, pointer: str) -> str:
    """Return a text of a possible length; raises `Problem`."""
    if not isinstance(given, str):
        raise expected("a string", pointer, given)
    if len(given) > MAX_PROMPT:
        raise Problem(
            "too_large", f"the text has over {MAX_PROMPT:,} characters", pointer
        )
    return given


def _context(given: Any) -> dict[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise expected("an object", "/input/context", given)
    found = {}
    for name, value in given.items():
        text = value
        if is_number(value):
            text = f"{value:g}" if isinstance(value, float) else str(value)
        found[name] = check_text(text, inside("/input/context", name))
    return found


def read_stop(given: Any, pointer: str) -> tuple[str, ...]:
    """Return the texts that end an answer; raises `Problem`."""
    if given is None:
        return ()
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, list) or len(given) > MAX_STOPS:
        raise expected(f"a list of at most {MAX_STOPS} texts", pointer, given)
    for at, text in enumerate(given):
        if not isinstance(text, str) or not 0 < len(text) <= MAX_STOP_CHARACTERS:
            raise expected(
                f"a string of 1 to {MAX_STOP_CHARACTERS} characters", f"{pointer}/{at}",
                text,
            )  # fmt: skip
    return tuple(given)


def read_schema(given: Any, pointer: str) -> Any:
    """Return a JSON schema; raises `Problem`."""
    if given is None or isinstance(given, Mapping | bool):
        return given
    raise expected("a JSON schema (an object)", pointer, given)


def _grammar(options: Mapping[str, Any]) -> str | None:
    given = options.get("grammar")
    if given is None:
        return None
    if options.get("schema") is not None:
        names = listed(["schema", "grammar"])
        raise invalid(f"expected one of {names} at /options, got both", "/options")
    if not isinstance(given, str) or len(given) > 20_000:
        raise expected(
            "a Lark grammar of at most 20,000 characters", "/options/grammar", given
        )
    return given


def _player(options: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    given, pointer = options.get("player"), "/options/player"
    if given is None:
        given, pointer = body.get("player_id", ""), "/player_id"
    if not isinstance(given, str) or len(given) > 128:
        raise expected("a string of at most 128 characters", pointer, given)
    return given


def _boolean(options: Mapping[str, Any], name: str) -> bool:
    given = options.get(name)
    if given is not None and not isinstance(given, bool):
        raise expected("true or false", f"/options/{name}", given)
    return bool(given)


def _number(
    options: Mapping[str, Any], name: str, least: float, most: float
) -> float | None:
    given = options.get(name)
    if given is None:
        return None
    if not (is_number(given) and least <= given <= most):
        got = f"{given:g}" if is_number(given) else json_type(given)
        raise invalid(
            f"expected a number from {least:g} to {most:g} at /options/{name}, got "
            f"{got}",
            f"/options/{name}",
        )
    return float(given)


def _whole(options: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    given = options.get(name)
    if given is None:
        return None
    if type(given) is not int or not least <= given <= most:
        got = str(given) if is_number(given) else json_type(given)
        raise invalid(
            f"expected a whole number from {least} to {most} at /options/{name}, got "
            f"{got[:40]}",
            f"/options/{name}",
        )
    return given


def limited(request: TextRequest, plan: TextPlan, warnings: Warnings) -> int:
    """Return the tokens of an answer at most; warns of a wish beyond the version's.

    The answer to a schema ends by itself, so that it has all that may be.
    """
    wanted = request.max_tokens
    if wanted is None:
        return plan.max_tokens if request.schema is None else plan.most_tokens
    if wanted > plan.most_tokens:
        warnings.add(
            "max_tokens",
            f"max_tokens is {plan.most_tokens}, the most of this version",
            "/options/max_tokens",
        )
    return min(wanted, plan.most_tokens)
