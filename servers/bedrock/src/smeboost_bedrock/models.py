"""What the tools take and give."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(_Value):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: Annotated[str, Field(min_length=1, description="what was said; not blank")]


class ConverseRequest(_Value):
    """A conversation to continue, with the model's id already resolved."""

    model: str
    messages: tuple[Message, ...]
    system: str | None = None
    max_tokens: int
    temperature: float | None = None
    stop_sequences: tuple[str, ...] = ()


class Usage(_Value):
    """Tokens as the service counted them; `input_tokens` excludes those read from or written to a cache."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    total_tokens: int


class ConverseAnswer(_Value):
    """What the model said. `text` is data: a model wrote it."""

    text: str
    stop_reason: Annotated[
        str, Field(description="end_turn, max_tokens (the text is cut), stop_sequence, content_filtered, ...")
    ]
    model: Annotated[str, Field(description="the id that was called")]
    usage: Usage
    latency_ms: Annotated[int, Field(description="as the service measured it")]
    warning: Annotated[str | None, Field(description="set when the model is near the end of its life")] = None


class PriceTag(_Value):
    """US dollars per million tokens."""

    input_usd: float
    output_usd: float
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    scope: Annotated[Literal["global", "regional"], Field(description="global profiles cost less than the others")]
    source: str
    as_of: date


class ModelSummary(_Value):
    """One model that this account's region offers."""

    id: str
    name: str
    provider: str
    call_ids: Annotated[list[str], Field(description="what to pass as `model`: the id itself or its profiles")]
    status: Annotated[str, Field(description="active, legacy or end_of_life")]
    end_of_life: date | None = None
    warning: str | None = None
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    temperature: Annotated[
        Literal["free", "one_of", "rejected"] | None,
        Field(description="rejected: leave temperature out; one_of: not together with top_p"),
    ] = None
    prices_per_million_tokens: list[PriceTag] = Field(default_factory=list[PriceTag])


class ModelList(_Value):
    """A page of models; `cursor` gets the next one."""

    models: list[ModelSummary]
    default_model: str
    cursor: str | None = None


class CostEstimate(_Value):
    """What a call would cost, in US dollars, before taxes and discounts."""

    model: str
    input_usd: float
    output_usd: float
    total_usd: float
    prices_per_million_tokens: PriceTag


class ListedModel(_Value):
    """A foundation model as the control plane lists it, with the ids of the profiles that lead to it."""

    id: str
    name: str
    provider: str
    on_demand: bool
    legacy: bool
    end_of_life: date | None
    profile_ids: tuple[str, ...] = ()
