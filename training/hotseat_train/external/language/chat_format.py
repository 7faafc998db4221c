"""A chat template (Jinja, Hugging Face's) as plain texts before and after messages.

A version holds data and no template language. The template is rendered once here, in
Jinja's sandbox, with marks in the places of the contents; what stands between the marks
is the format. Conversations are rendered both ways to prove that it is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hotseat_registry.text_plan import TextPlan
from hotseat_serve.problems import Problem
from hotseat_serve.text.prompt import format_chat
from hotseat_train.external.errors import UnclearError

Messages = Sequence[tuple[str, str]]
_S, _U, _A, _V = (f"MARK{letter}MARK" for letter in "SUAV")
_PROOFS: tuple[Messages, ...] = (
    [("user", "Hello")],
    [("system", "You are a guard."), ("user", "Who is there?")],
    [("user", "One"), ("assistant", "Two"), ("user", "Three")],
    [("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c")],
)


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """The parts of `TextPlan` that say how messages are written."""

    start: str = ""
    roles: Mapping[str, tuple[str, str]] | None = None
    default_system: str | None = None


def read_chat_format(template: str | None, bos: str, plan: TextPlan) -> TextPlan:
    """Return a plan with the format of a template; without one, `bos` alone.

    Raises `UnclearError` for a template that does more than write messages one after
    the other.
    """
    if not template:
        return replace(plan, start=bos)
    try:
        found = _parts(_Renderer(template, bos), bos)
        plan = replace(
            plan, start=found.start, roles=found.roles,
            default_system=found.default_system,
        )  # fmt: skip
        _prove(_Renderer(template, bos), plan)
    except (ValueError, Problem) as error:
        raise UnclearError(
            f"the chat template cannot be written as texts around messages ({error}): "
            "name a file with --template that has roles, for example "
            '{"roles": {"user": ["<|user|>", "<|end|>"], ...}}'
        ) from None
    return plan


class _Renderer:
    def __init__(self, template: str, bos: str) -> None:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        self._error = TemplateError
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True
        )
        environment.globals["raise_exception"] = self._refuse
        try:
            self._template = environment.from_string(template)
        except TemplateError as error:
            raise ValueError(str(error)) from None
        self._bos = bos

    def _refuse(self, message: str) -> str:
        raise self._error(message)

    def render(self, messages: Messages, *, answer: bool) -> str:
        values: dict[str, Any] = {
            "messages": [{"role": r, "content": c} for r, c in messages],
            "add_generation_prompt": answer, "bos_token": self._bos, "eos_token": "",
        }  # fmt: skip
        try:
            text: str = self._template.render(**values)
        except self._error as error:
            raise ValueError(str(error)) from None
        return text


def _parts(renderer: _Renderer, bos: str) -> ChatFormat:
    user = renderer.render([("user", _U)], answer=False)
    asked = renderer.render([("user", _U)], answer=True)
    if not asked.startswith(user):
        raise ValueError("the beginning of an answer changes what is before it")
    before_answer = asked[len(user) :]
    front, after_user = _around(user, _U)
    talk = renderer.render(
        [("user", _U), ("assistant", _A), ("user", _V)], answer=False
    )
    answered = renderer.render([("user", _U), ("assistant", _A)], answer=False)
    after_answer, end = (
        talk.partition(_A)[2].partition(_V)[0],
        answered.partition(_A)[2],
    )
    if not after_answer.startswith(end):
        raise ValueError("the end of an answer depends on what follows")
    before_user = after_answer[len(end) :]
    if not front.endswith(before_user):
        raise ValueError("messages of a user begin in different ways")
    start = bos if bos and front.startswith(bos) else ""
    roles = {"user": (before_user, after_user), "assistant": (before_answer, end)}
    try:
        system = renderer.render([("system", _S), ("user", _U)], answer=False)
    except ValueError:  # no system messages
        return ChatFormat(start, roles)
    if _S not in system:
        return ChatFormat(start, roles)
    before_system, rest = _around(system, _S)
    after_system = rest.partition(_U)[0].removesuffix(before_user)
    roles["system"] = (before_system[len(start) :], after_system)
    default = None
    if front != start + before_user:
        default = front.removesuffix(before_user).removesuffix(after_system)
        default = default.removeprefix(before_system)
    return ChatFormat(start, roles, default)


def _around(text: str, mark: str) -> tuple[str, str]:
    before, found, after = text.partition(mark)
    if not found:
        raise ValueError("a message's content is left out or changed")
    return before, after


def _prove(renderer: _Renderer, plan: TextPlan) -> None:
    for messages in _PROOFS:
        if messages[0][0] == "system" and "system" not in (plan.roles or {}):
            continue
        wanted = renderer.render(messages, answer=True)
        if (got := format_chat(plan, messages)) != wanted:
            raise ValueError(f"expected {wanted[:200]!r}, got {got[:200]!r}")
