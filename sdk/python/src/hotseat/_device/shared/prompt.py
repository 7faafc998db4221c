# A copy of functions/hotseat_serve/text/prompt.py, by `make shared`.
"""Writes the prompt of a request in the chat format of a version.

Texts of callers are data: the tokens by which the format separates messages are broken
in them, so that no text of a player begins a message of its own.
"""

from collections.abc import Callable, Sequence

from hotseat._device.shared.text_plan import PROMPT, Message, Slot, TextPlan, parts
from hotseat._device.shared.text_request import TextRequest
from hotseat._device.text.problems import Problem, inside, invalid, listed, quoted
from hotseat._device.warnings import Warnings

Plain = Callable[[str, str], str]
"""Returns a caller's text, neutralised; the second argument is its JSON pointer."""


def write_prompt(
    plan: TextPlan, request: TextRequest, special: Sequence[str], warnings: Warnings
) -> str:
    """Return the text that the model continues; raises `Problem`.

    `special` are the texts of the tokenizer's special tokens.
    """

    def plain(text: str, pointer: str) -> str:
        return neutralised(text, special, warnings, pointer)

    if request.raw and not plan.messages:
        return plan.start + plain(request.prompt or "", "/prompt")
    if plan.messages is not None:
        messages = _filled(plan, request, plain)
    elif request.context is not None:
        raise invalid(
            "this version has no template, so there are no slots: send prompt or "
            "messages",
            "/input/context",
        )
    elif request.messages is not None:
        messages = [
            (role, plain(content, f"/input/messages/{at}/content"))
            for at, (role, content) in enumerate(request.messages)
        ]
    else:
        messages = [("user", plain(request.prompt or "", "/input/prompt"))]
    return format_chat(plan, messages)


def format_chat(plan: TextPlan, messages: Sequence[tuple[str, str]]) -> str:
    """Return messages in the version's chat format, up to the answer's first token.

    A version without a chat format takes their contents, one line each.
    """
    if plan.roles is None:
        return plan.start + "\n".join(content for _, content in messages)
    if plan.default_system is not None and messages[0][0] != "system":
        messages = [("system", plan.default_system), *messages]
    written = [plan.start]
    for role, content in messages:
        if role not in plan.roles:
            raise invalid(f"this version has no role {role!r}", "/input/messages")
        before, after = plan.roles[role]
        written.append(f"{before}{content}{after}")
    return "".join(written) + plan.roles["assistant"][0]


def _filled(
    plan: TextPlan, request: TextRequest, plain: Plain
) -> list[tuple[str, str]]:
    """Return the template's messages with their slots filled; raises `Problem`.

    Messages of a request come after the template's, in the place of its last message
    of the user, if that is the slot ``prompt`` alone; none of them is a system message.
    """
    slots = {slot.name: slot for slot in plan.slots or ()}
    template = list(plan.messages or ())
    tail: list[tuple[str, str]] = []
    if request.messages is not None:
        tail = _conversation(request.messages, plain)
        if template[-1].role == "user":
            if template[-1].content.strip() != "{" + PROMPT + "}":
                raise invalid(
                    "this version's template takes no conversation: fill its slots "
                    f"{listed(list(slots))}",
                    "/input/messages",
                )
            template.pop()
            del slots[PROMPT]
    given, pointers = _given(plan, request)
    for name in sorted(given.keys() - slots.keys()):
        known = f"the slots are {listed(list(slots))}" if slots else "there is none"
        raise invalid(f"unknown slot {quoted(name)}; {known}", pointers[name])
    values = {}
    for name, slot in slots.items():
        place = pointers.get(name, inside("/input/context", name))
        values[name] = _value(slot, given.get(name), place, plain)
    return [*((m.role, fill(m, values)) for m in template), *tail]


def _given(
    plan: TextPlan, request: TextRequest
) -> tuple[dict[str, str], dict[str, str]]:
    """Return texts by slots, and the places of the caller's; raises `Problem`."""
    given = dict(request.context or {})
    pointers = {name: inside("/input/context", name) for name in given}
    if request.prompt is not None:
        if PROMPT in given:
            raise invalid("the slot prompt is given twice", "/input/context/prompt")
        given[PROMPT], pointers[PROMPT] = request.prompt, "/input/prompt"
    rule = plan.retrieval
    if rule is not None and rule.slot in given:
        raise invalid(
            f"the slot {rule.slot!r} is filled with what {rule.model} finds",
            pointers[rule.slot],
        )
    if rule is not None and request.passages is not None:
        given[rule.slot] = request.passages
    return given, pointers


def _value(slot: Slot, given: str | None, pointer: str, plain: Plain) -> str:
    """Return the text of a slot; raises `Problem`."""
    if given is None:
        if slot.default is None:
            raise invalid(f"the slot {slot.name!r} is missing", pointer)
        return slot.default
    if len(given) > slot.max_characters:
        raise Problem(
            "too_large",
            f"the slot {slot.name!r} takes {slot.max_characters} characters, got "
            f"{len(given)}",
            pointer,
        )
    if slot.choices is not None and given not in slot.choices:
        raise invalid(
            f"expected one of {listed(list(slot.choices))} in the slot {slot.name!r}",
            pointer,
        )
    return plain(given, pointer)


def _conversation(
    messages: Sequence[tuple[str, str]], plain: Plain
) -> list[tuple[str, str]]:
    found = []
    for at, (role, content) in enumerate(messages):
        place = f"/input/messages/{at}"
        if role == "system":
            raise invalid(
                "this version's template has the system message: fill its slots "
                "(context), and send messages of user and assistant",
                f"{place}/role",
            )
        found.append((role, plain(content, f"{place}/content")))
    return found


def fill(message: Message, values: dict[str, str]) -> str:
    """Return a message's content with the values in the places of its slots."""
    return "".join(
        values[text] if is_slot else text for is_slot, text in parts(message.content)
    )


def neutralised(
    text: str, special: Sequence[str], warnings: Warnings, pointer: str
) -> str:
    """Return a text in which no special token stands: a space breaks each of them."""
    found = [token for token in special if token in text]
    if not found:
        return text
    while found:
        for token in found:
            text = text.replace(token, f"{token[:1]} {token[1:]}")
        found = [token for token in special if token in text and len(token) > 1]
    warnings.add(
        "special_tokens",
        "the text has special tokens of the model's chat format; they are read as "
        "ordinary characters",
        pointer,
    )
    return text
