"""The schemas of texts in the OpenAPI document; the service answers without them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hotseat_serve.adapters.schemas import InputWarning


class Message(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class TextInput(BaseModel):
    """A prompt, a conversation, or the slots of the version's template."""

    prompt: str | None = Field(None, description="A player's words.")
    messages: list[Message] | None = Field(None, min_length=1, max_length=64)
    context: dict[str, str | float] | None = Field(
        None, description="The slots of the version's template."
    )


class TextOptions(BaseModel):
    """Options of a text; an unknown option gives a warning."""

    model_config = ConfigDict(extra="allow")

    max_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = Field(None, ge=0, lt=1 << 53)
    stop: list[str] | str | None = Field(
        None, description="Texts that end the answer and are left out, at most 8."
    )
    schema_: dict[str, Any] | bool | None = Field(
        None, alias="schema", description="A JSON schema that the answer fulfils."
    )
    grammar: str | None = Field(None, description="A Lark grammar, as llguidance's.")
    deadline_ms: float | None = Field(
        None, ge=1, description="The answer has ended by then, with a sentence."
    )
    stream: bool | None = Field(
        None, description="Server-sent events: token, then done or error."
    )
    player: str | None = Field(None, description="Whose budget of tokens it is.")
    strict: bool | None = Field(None, description="Turn every warning into an error.")


class Generate(BaseModel):
    """A request for a text."""

    input: TextInput | str
    options: TextOptions | None = None


class Usage(BaseModel):
    """Tokens that were read and written."""

    prompt_tokens: int
    completion_tokens: int


class Passage(BaseModel):
    """A document that the service put into the prompt."""

    id: str
    score: float


class Generated(BaseModel):
    """A text; the data of the event `done` of a stream."""

    model: str
    version: int
    variant: str
    text: str
    value: Any = Field(None, description="The parsed answer to a schema.")
    finish_reason: Literal["stop", "length", "deadline", "filtered", "canned"]
    canned: str | None = Field(
        None, description="The version's line for a client that is offline later."
    )
    usage: Usage
    passages: list[Passage] | None = None
    warnings: list[InputWarning] | None = None
    request_id: str
    cold: bool | None = None


class _OpenAI(BaseModel):
    """What OpenAI's requests have in common."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(description="npc-lines, npc-lines#beta or npc-lines@3")


class Chat(_OpenAI):
    """OpenAI's request for a chat completion; `context` fills slots."""

    messages: list[dict[str, Any]]


class Completion(_OpenAI):
    """OpenAI's request for a completion."""

    prompt: str | list[str]


class Embeddings(_OpenAI):
    """OpenAI's request for embeddings."""

    input: str | list[str]


class OpenAIError(BaseModel):
    """A problem in OpenAI's shape."""

    error: dict[str, Any]
    request_id: str
