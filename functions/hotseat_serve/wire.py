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


class Instances(BaseModel):
    """Inputs as KServe's version 1 names them."""

    instances: list[Any]


class Error(BaseModel):
    """An error of the Open Inference Protocol."""

    error: str


class Server(BaseModel):
    """Server metadata."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """Whether the process answers."""

    live: bool


class Ready(Live):
    """Whether the default model answers."""

    ready: bool


class ModelReady(BaseModel):
    """Whether a model answers."""

    name: str
    ready: bool


class Indexed(BaseModel):
    """A model in the repository's index."""

    name: str
    version: str
    state: str
    reason: str


class TensorMetadata(BaseModel):
    """A tensor that a model takes or gives; -1 is any length."""

    name: str
    datatype: str
    shape: list[int]


class Metadata(BaseModel):
    """Model metadata."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Tensor(TensorMetadata):
    """A tensor with its data, flat or nested, or in the binary part of the body."""

    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class WantedOutput(BaseModel):
    """An output that is wanted."""

    name: str
    parameters: dict[str, Any] | None = None


class Infer(BaseModel):
    """An inference request."""

    id: str | None = None
    parameters: dict[str, Any] | None = None
    inputs: list[Tensor]
    outputs: list[WantedOutput] | None = None


class Inferred(BaseModel):
    """An inference response."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[Tensor]
