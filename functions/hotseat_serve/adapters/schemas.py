"""The schemas of the OpenAPI document; the service answers without them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hotseat_serve.adapters.explanation_schemas import ExplainOptions, Explanation, Part


class Options(BaseModel):
    """Options of the answer; an unknown option gives a warning."""

    model_config = ConfigDict(extra="allow")

    temperature: float | None = Field(
        None, ge=0, le=100, description="0 takes the best; 1 follows the probabilities."
    )
    seed: int | None = Field(
        None, ge=0, lt=1 << 53, description="The same seed gives the same answer."
    )
    level: str | None = Field(
        None, description="One of the signature's levels of strength."
    )
    top_k: int | None = Field(
        None, ge=1, le=1000, description="Documents of an answer, of a retrieval."
    )
    filter: dict[str, Any] | None = Field(
        None,
        description="Fields that a retrieval's documents have: a value, a list of "
        'values, or {"min": 1, "max": 9}.',
    )
    min_score: float | None = Field(
        None, ge=-1, le=1, description="The least cosine of a retrieval's documents."
    )
    strict: bool | None = Field(None, description="Turn every warning into an error.")
    operating_point: str | None = Field(
        None, description="One of the signature's operating points."
    )
    explain: bool | ExplainOptions | None = Field(
        None, description="Explain the answer: see the fields of `Explanation`."
    )


class Request(BaseModel):
    """One input, many inputs, or the input's own fields at the top."""

    model_config = ConfigDict(extra="allow")

    text: str | None = Field(None, description="The input of a text model.")
    context: list[str] | None = Field(
        None,
        description="The last lines of the conversation, oldest first, for a version "
        "whose decision takes them.",
    )
    history: list[str] | None = Field(
        None, description="The last lines of the player, oldest first, likewise."
    )
    input: Any = Field(
        None, description="One input, in the form that the signature describes."
    )
    inputs: list[Any] | None = Field(None, description="Many inputs.", min_length=1)
    options: Options | None = None
    explain: bool | ExplainOptions | None = Field(
        None, description="The same as in `options`, beside `input` or `inputs`."
    )
    player_id: str | None = Field(None, description="The log holds only its hash.")


class JudgedPart(BaseModel):
    """The part of a long text that the answer describes, in characters."""

    start: int
    end: int = Field(description="The first character after the part.")
    of: int = Field(description="The number of parts of the text.")


class LabelThreshold(BaseModel):
    """The choice between two labels, where it is not the more probable one."""

    label: str
    value: float = Field(description="The least probability at which it is answered.")


class Decision(BaseModel):
    """Whether a row is flagged, by which operating point."""

    operating_point: str
    score: float = Field(description="Calibrated; with the context, if there is one.")
    threshold: float
    flagged: bool = Field(description="Whether the score reaches the threshold.")
    script: str | None = Field(
        None,
        description="The script whose own threshold and calibration were used; absent "
        "for all other rows.",
    )
    context_lines: int | None = Field(
        None, description="So many lines of the context counted; absent without one."
    )


class Player(BaseModel):
    """What a player's last lines say, the present one included."""

    lines: int
    flagged: int
    probability_if_neutral: float = Field(
        description="Of so many flagged lines if all were neutral (binomial test)."
    )
    review: bool = Field(description="Whether a person should look at the player.")


class Prediction(Explanation):
    """The answer to one input; the model's kind decides which fields it has."""

    model_config = ConfigDict(extra="allow")

    label: str | None = Field(None, description="classification")
    probability: float | None = Field(None, description="classification, policy")
    scores: dict[str, float | None] | None = Field(
        None, description="classification, multilabel"
    )
    threshold: LabelThreshold | None = Field(
        None,
        description="classification: present where the version has a threshold, chosen "
        "by what a missed row costs",
    )
    categories: dict[str, float | None] | None = Field(
        None, description="classification: of a version with categories"
    )
    category: str | None = Field(
        None, description="classification: the most probable category of a flagged row"
    )
    severity: int | None = Field(
        None,
        description="classification: how grave the category is, from 1 on, of a "
        "version that rates its categories",
    )
    decision: Decision | None = Field(
        None, description="classification: of a version with operating points"
    )
    player: Player | None = Field(
        None, description="classification: present if the input has a `history`"
    )
    value: float | None = Field(
        None, description="regression, policy; null if it is not finite"
    )
    action: str | None = Field(None, description="policy")
    actions: dict[str, float | None] | None = Field(
        None, description="policy: each legal action and its probability"
    )
    item: list[str] | None = Field(None, description="generation: the item's rows")
    labels: list[str] | None = Field(
        None, description="multilabel: the labels that apply"
    )
    embedding: list[float | None] | None = Field(None, description="embedding")
    outputs: dict[str, Any] | None = Field(
        None, description="tensor: each output by its name, as nested lists"
    )
    matches: list[dict[str, Any]] | None = Field(
        None,
        description="retrieval: the nearest documents, the best first, each with id, "
        "score (the cosine), text and metadata",
    )
    reasons: list[dict[str, Any]] | None = Field(
        None,
        description="pipeline: the steps for which the answer is the second label, "
        "with label, probability, threshold and, of text in a picture, text and boxes",
    )
    texts: list[str] | None = Field(
        None, description="pipeline: the lines of text in a picture, in reading order"
    )
    steps: dict[str, Any] | None = Field(
        None, description="pipeline: the answer of each step by its name"
    )
    seed: int | None = Field(None, description="policy, generation: repeats the answer")
    judged_part: JudgedPart | None = Field(
        None,
        description="Present for a text over the signature's limit that is judged in "
        "parts: the part that is least likely to be neutral, described by the answer.",
    )


class InputWarning(BaseModel):
    """A possible mistake in a request that was answered nevertheless."""

    code: str = Field(
        description="unknown_field, ignored_field, all_defaults, out_of_range, "
        "unknown_category, unknown_language, text_cut, not_finite, more_warnings; "
        "others may follow."
    )
    detail: str
    pointer: str = Field(description="JSON pointer to the value in the request.")
    suggestion: str | None = Field(None, description="The most similar known name.")


class Source(BaseModel):
    """The model, version and variant that answered."""

    model: str
    version: int
    variant: str
    request_id: str
    cold: bool = Field(
        default=False,
        description="Whether this was the first request of its process; absent if not.",
    )
    warnings: list[InputWarning] = Field(
        default=[],
        description="At most 20, and one with the number of further warnings; absent "
        "without any.",
    )


class One(Prediction, Source):
    """The answer to one input."""


class Many(Source):
    """The answers to many inputs, in their order."""

    predictions: list[Prediction]


class Explained(One):
    """The answer to one input, with the weight of each part of it."""

    parts: list[Part]
    method: str


class Model(BaseModel):
    """A model in a list."""

    model_config = ConfigDict(extra="allow")

    name: str
    kind: str
    version: int
    aliases: dict[str, int]


class Card(Model):
    """One model in full."""

    versions: list[int]

    signature: dict[str, Any]
    variants: list[dict[str, Any]]
    card: str
    id: str = Field(description="The name, as OpenAI's clients read it.")
    object: str
    created: int
    owned_by: str


class Catalogue(BaseModel):
    """All models."""

    models: list[Model]
    damaged: list[str] | None = Field(
        None, description="Models whose ledger or manifest cannot be read."
    )
    object: str = Field(description="`list`: what OpenAI's clients read.")
    data: list[dict[str, Any]] = Field(
        description="The models as OpenAI's clients read them."
    )


class Version(BaseModel):
    """A version for a device that runs it offline."""

    manifest: dict[str, Any] = Field(
        description="The manifest, with the SHA-256 and size of each file."
    )
    variant: str = Field(description="The variant that the service runs.")
    signatures: list[str] = Field(
        description="Signatures in the format of OpenSSF model-signing."
    )


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
    """A request of KServe's version 1."""

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
    """An input or output tensor of a model; -1 means any length."""

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
    """A requested output."""

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
