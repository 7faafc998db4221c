"""The shapes on the wire, for the OpenAPI document; predictions go by without them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Request(BaseModel):
    """One input, many inputs, or the input's own fields at the top."""

    model_config = ConfigDict(extra="allow")

    text: str | None = Field(None, description="The one input of a text model.")
    input: Any = Field(None, description="One input, as the signature says.")
    inputs: list[Any] | None = Field(None, description="Many inputs.")
    player_id: str | None = Field(None, description="Never logged in the clear.")


class Prediction(BaseModel):
    """What one input was answered."""

    model_config = ConfigDict(extra="allow")

    label: str
    probability: float
    scores: dict[str, float]


class Source(BaseModel):
    """Which model said it."""

    model: str
    version: int
    variant: str
    request_id: str


class One(Prediction, Source):
    """The answer to one input."""


class Many(Source):
    """The answers to many inputs, in their order."""

    predictions: list[Prediction]


class Model(BaseModel):
    """A model in short."""

    model_config = ConfigDict(extra="allow")

    name: str
    kind: str
    version: int
    versions: list[int]
    aliases: dict[str, int]


class Card(Model):
    """A model whole."""

    signature: dict[str, Any]
    variants: list[dict[str, Any]]
    card: str


class Catalogue(BaseModel):
    """All models."""

    models: list[Model]


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str
    pointer: str | None = Field(None, description="JSON pointer to the first fault.")
