"""How a causal language model becomes a text: tokenizer, chat format, template, limits.

All of it is data: no template language is executed when a prompt is written.
"""

from collections.abc import Mapping
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import (
    JsonDataclass,
    from_json_list,
    set_frozen_field,
)

PROMPT = "prompt"
"""The slot that a request's ``prompt`` fills."""
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Slot(JsonDataclass):
    """One place of a template that a game fills."""

    name: str
    max_characters: int = 200
    """A longer text is refused."""
    default: str | None = None
    """The text where a request leaves it out; None: it must be given."""
    choices: tuple[str, ...] | None = None
    """All that may be given; None: any text."""

    def __post_init__(self) -> None:
        """Take JSON's list for the choices; raises `IntegrityError`."""
        if self.choices is not None:
            set_frozen_field(self, "choices", tuple(self.choices))
        if not self.name.isidentifier():
            raise IntegrityError(f"slot {self.name[:80]!r} is no name")
        if type(self.max_characters) is not int or self.max_characters < 1:
            raise IntegrityError(f"slot {self.name!r}: max_characters is 1 or more")


@dataclass(frozen=True, slots=True)
class SlotRetrieval(JsonDataclass):
    """A slot that the service fills with what it finds to another slot's text."""

    slot: str
    """Callers do not fill it; its default stands where nothing is found in time."""
    model: str
    """A version of kind retrieval of the same service, ``lore`` or ``lore#beta``."""
    query: str
    """The slot whose text is searched for."""
    top_k: int = 3
    """Passages, at most."""
    min_score: float = 0.2
    """The least cosine of a passage."""
    max_tokens: int = 120
    """Tokens of all passages together."""
    milliseconds: float = 200.0
    """The time of a search, after its version was loaded once."""

    def __post_init__(self) -> None:
        """Check the bounds; raises `IntegrityError`."""
        for name, most in (("top_k", 20), ("max_tokens", 1 << 12)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise IntegrityError(
                    f"retrieval: {name} is a whole number from 1 to {most}"
                )
        if not 0 < self.milliseconds <= 10_000:
            raise IntegrityError("retrieval: milliseconds are over 0 and at most 10000")


@dataclass(frozen=True, slots=True)
class Message(JsonDataclass):
    """One message of a template; ``{name}`` in its content is a slot."""

    role: str
    content: str

    def __post_init__(self) -> None:
        """Check the role; raises `IntegrityError`."""
        if self.role not in ROLES:
            raise IntegrityError(f"role {self.role!r} is not one of {', '.join(ROLES)}")


@dataclass(frozen=True, slots=True)
class TextPlan(JsonDataclass):
    """How the kind ``text`` writes.

    The graph takes INT64 ``input_ids`` and ``attention_mask``, and for each layer N the
    cache ``past_key_values.N.key`` and ``.value`` [1, heads, tokens, size]; it answers
    ``logits`` [1, tokens, vocabulary] and ``present.N.key``, ``present.N.value``: the
    interface of onnxruntime-genai's builder for grouped-query attention.
    """

    layers: int
    heads: int
    """Of the cache (key-value heads)."""
    head_size: int
    vocabulary: int
    stop_tokens: tuple[int, ...]
    """Tokens that end an answer."""
    context_tokens: int = 1024
    """Tokens of prompt and answer together; the cache is that long."""
    cache_type: str = "FP32"
    tokenizer: str = "tokenizer.json"
    start: str = ""
    """The text before the first message, such as a token for the beginning."""
    roles: Mapping[str, tuple[str, str]] | None = None
    """The texts before and after a message of each role; None: prompts alone."""
    default_system: str | None = None
    """The system message where there is none."""
    messages: tuple[Message, ...] | None = None
    """The version's template: callers fill its slots and write no prompts."""
    slots: tuple[Slot, ...] | None = None
    max_tokens: int = 128
    """Tokens of an answer, where a request does not say."""
    most_tokens: int = 512
    """The largest max_tokens of a request."""
    temperature: float = 0.7
    top_p: float = 0.95
    repetition_penalty: float = 1.0
    """By what the logits of tokens of the answer are divided or multiplied (CTRL,
    arXiv:1909.05858); 1: nothing."""
    stop: tuple[str, ...] | None = None
    """Texts that end an answer and are left out."""
    canned: str | None = None
    """The line in place of an answer that fails, is refused or takes too long."""
    filter: str | None = None
    """A classification, ``chat-moderation`` or ``chat-moderation#beta``: sentences with
    another label than its neutral one are not sent."""
    retrieval: SlotRetrieval | None = None
    """A slot that is filled with passages of a version of kind retrieval."""

    def __post_init__(self) -> None:
        """Read the nested records; raises `IntegrityError`."""
        for name in ("stop_tokens", "stop"):
            if getattr(self, name) is not None:
                set_frozen_field(self, name, tuple(getattr(self, name)))
        for name, kind in (("messages", Message), ("slots", Slot)):
            if getattr(self, name) is not None:
                set_frozen_field(self, name, from_json_list(kind, getattr(self, name)))
        if isinstance(self.retrieval, Mapping):
            found = SlotRetrieval.from_json(self.retrieval)
            set_frozen_field(self, "retrieval", found)
        if self.roles is not None:
            roles = {role: tuple(parts) for role, parts in self.roles.items()}
            set_frozen_field(self, "roles", roles)
        self._check()

    def _check(self) -> None:
        for name, most in (("layers", 1_000), ("heads", 1_000), ("head_size", 4_096),
                           ("vocabulary", 2_000_000), ("context_tokens", 1 << 17),
                           ("max_tokens", 1 << 17), ("most_tokens", 1 << 17),
                           ):  # fmt: skip
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise IntegrityError(f"text: {name} is a whole number from 1 to {most}")
        if self.cache_type not in {"FP32", "FP16"}:
            raise IntegrityError("text: cache_type is FP32 or FP16")
        if self.cache_bytes > 4 << 30:
            raise IntegrityError("text: the cache has over 4 GiB: lower context_tokens")
        for role, parts in (self.roles or {}).items():
            if role not in ROLES or len(parts) != 2:
                raise IntegrityError(f"text: role {role!r} has a text before and after")
        if self.messages and not self.roles:
            raise IntegrityError("text: a template needs roles")
        self._check_slots()

    def _check_slots(self) -> None:
        named = [slot.name for slot in self.slots or ()]
        if len(set(named)) < len(named):
            raise IntegrityError("text: two slots have the same name")
        used: set[str] = set()
        for message in self.messages or ():
            used |= {name for is_slot, name in parts(message.content) if is_slot}
        if unknown := used - set(named):
            raise IntegrityError(f"text: the template has no slot {min(unknown)!r}")
        if unused := set(named) - used:
            raise IntegrityError(f"text: no message has the slot {min(unused)!r}")
        if (rule := self.retrieval) is not None:
            filled = {s.name for s in self.slots or () if s.default is not None}
            if rule.slot not in filled:
                raise IntegrityError(
                    f"text: retrieval fills a slot with a default, and {rule.slot!r} "
                    "is none"
                )
            if rule.query not in named or rule.query == rule.slot:
                raise IntegrityError(
                    f"text: retrieval searches for another slot's text, and "
                    f"{rule.query!r} is none"
                )

    @property
    def callers_slots(self) -> tuple[Slot, ...]:
        """The slots that callers fill, not the service."""
        own = None if self.retrieval is None else self.retrieval.slot
        return tuple(slot for slot in self.slots or () if slot.name != own)

    @property
    def cache_bytes(self) -> int:
        """Bytes of keys and values of a full context."""
        size = 4 if self.cache_type == "FP32" else 2
        tokens = self.context_tokens * self.heads * self.head_size
        return 2 * self.layers * tokens * size

    @property
    def caches(self) -> tuple[tuple[str, str], ...]:
        """The cache's inputs and the outputs that continue them."""
        return tuple(
            (f"past_key_values.{layer}.{part}", f"present.{layer}.{part}")
            for layer in range(self.layers)
            for part in ("key", "value")
        )


def parts(content: str) -> list[tuple[bool, str]]:
    """Split a message at its slots; return pairs of "is a slot" and its text or name.

    A brace that begins no ``{name}`` is an ordinary character.
    """
    found: list[tuple[bool, str]] = []
    text, rest = "", content
    while rest:
        before, brace, after = rest.partition("{")
        name, end, following = after.partition("}")
        text += before
        if brace and end and name.isidentifier():
            found += [(False, text), (True, name)]
            text, rest = "", following
        else:
            text, rest = text + brace, after
    return [*found, (False, text)]


def interface_faults(plan: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any],
                     ) -> list[str]:  # fmt: skip
    """Return what of a graph's inputs and outputs does not fit a plan."""
    wanted_in = {"input_ids": "INT64", "attention_mask": "INT64",
                 **{past: plan.cache_type for past, _ in plan.caches}}  # fmt: skip
    wanted_out = {"logits": None, **{out: plan.cache_type for _, out in plan.caches}}
    faults = []
    for what, wanted, there in (
        ("input", wanted_in, inputs), ("output", wanted_out, outputs)
    ):  # fmt: skip
        faults += [f"it has no {what} {name!r}" for name in wanted if name not in there]
        for name, datatype in wanted.items():
            if name in there and datatype not in {None, there[name].datatype}:
                faults.append(
                    f"its {what} {name!r} is {there[name].datatype}, not {datatype}"
                )
    faults += [
        f"it wants a further input {name!r}" for name in inputs if name not in wanted_in
    ]
    shape = inputs["past_key_values.0.key"].shape if not faults else None
    if shape is not None and (
        len(shape) != 4
        or shape[1] not in {-1, plan.heads}
        or shape[3] not in {-1, plan.head_size}
    ):
        faults.append(f"its cache has the shape {list(shape)}")
    return faults[:5]
