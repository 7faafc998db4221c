"""Explanations in the OpenAPI document: what asks for one, what it holds."""

from pydantic import BaseModel, ConfigDict, Field


class ExplainOptions(BaseModel):
    """How an answer is explained."""

    model_config = ConfigDict(extra="allow")

    method: str | None = Field(
        None,
        description="trees, linear, coalitions, sampling, spans, moves, rules or "
        "occlusion; without it the first that suits the model.",
    )
    evaluations: int | None = Field(
        None,
        ge=1,
        le=2_000_000,
        description="Rows of the graph for one explanation, at most; 150,000 without.",
    )
    language: str | None = Field(
        None, description="Of the reasons' texts; the version's own without."
    )


class Part(BaseModel):
    """A part of an input, and how much it weighs."""

    model_config = ConfigDict(extra="allow")

    part: str = Field(
        description="A field, a group of fields, a word, a cell's tensor, an action or "
        "a rule."
    )
    at: list[int] | None = Field(
        None, description="Of a text, start and end in characters; else the indices."
    )
    weight: float = Field(description="Above 0 it speaks for the answer.")
    fields: list[str] | None = Field(None, description="Of a part of several fields.")
    standard_error: float | None = Field(None, description="sampling, spans")
    code: str | None = Field(
        None,
        description="A stable name of the reason, from the version's reasons.json.",
    )
    text: str | None = Field(None, description="The reason in the asked language.")
    value: float | None = Field(None, description="moves: of the position after it")
    probability: float | None = Field(None, description="moves: of the network")
    ends: bool | None = Field(None, description="moves: whether the game is over then")
    count: int | None = Field(None, description="rules: candidates refused")
    example: list[str] | None = Field(None, description="rules: the first of them")


class Explanation(BaseModel):
    """Why an answer is what it is; present where it was asked for."""

    parts: list[Part] | None = None
    method: str | None = Field(None, description="How the weights were computed.")
    reference: str | None = Field(None, description="What `base` is the answer of.")
    scale: str | None = Field(None, description="log_odds, probability, value or share")
    base: float | None = Field(
        None, description="What `parts` add to: the sum is the answer on `scale`."
    )
    additivity_error: float | None = Field(
        None, description="The difference between that sum and the answer."
    )
    evaluations: int | None = Field(None, description="Rows of the graph that it took.")
    note: str | None = Field(None, description="Why a more exact method does not suit.")
    tried: int | None = Field(None, description="generation: candidates, rules")
