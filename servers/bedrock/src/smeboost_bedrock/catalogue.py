"""What is known about models before one is asked: limits, rules, lifecycle, prices.

The facts live in `catalogue.json` beside this file, with their sources and the day they were collected; a model that
is not in it can be called all the same, only without the early checks and without a price. What the service itself
reports (status, dates) goes before what is written there.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

WARN_DAYS = 90
"""How long before its end a model is warned about."""
GEOGRAPHIES = ("global", "us", "us-gov", "eu", "apac", "jp", "au", "in", "ca")
"""The prefixes of inference profiles; only `global` has its own, lower price."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Fact):
    """US dollars per million tokens; None where there is no such price."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None


class LongPrompt(_Fact):
    """Prices of a request whose prompt is longer than `above_input_tokens`; they hold for all of its tokens."""

    above_input_tokens: int
    prices_global: Prices | None = None
    prices_regional: Prices | None = None


class ModelFacts(_Fact):
    """One model. `sampling`: may temperature and top_p be given (`one_of`: not both)? `prefill`: may the last
    message be the assistant's? `call_as`: the id to call it by, since most are offered through profiles only.
    """

    id: str
    name: str
    provider: str
    alias: str
    call_as: str
    context_tokens: int
    max_output_tokens: int
    sampling: Literal["free", "one_of", "rejected"]
    prefill: bool
    end_of_life: date | None = None
    successor: str | None = None
    prices_global: Prices | None = None
    prices_regional: Prices | None = None
    long_prompt: LongPrompt | None = None

    def prices(self, called_as: str, *, input_tokens: int = 0) -> Prices | None:
        """The prices of a call by the id `called_as` with a prompt of `input_tokens`."""
        long = self.long_prompt
        source = long if long and input_tokens > long.above_input_tokens else self
        if called_as.rpartition("/")[2].startswith("global."):
            return source.prices_global
        return source.prices_regional


class Sources(_Fact):
    """Where the facts come from."""

    prices: str
    limits: str
    lifecycle: str


class Catalogue(_Fact):
    """Every model we know, as of one day."""

    as_of: date
    sources: Sources
    models: tuple[ModelFacts, ...]

    def call_id(self, name: str) -> str:
        """What to call: the id behind an alias such as `sonnet-4.6`, or `name` itself."""
        return next((model.call_as for model in self.models if model.alias == name.lower()), name)

    def facts(self, model_id: str) -> ModelFacts | None:
        """What is known about the model behind an id, a profile's id, or the ARN of either."""
        base = base_id(model_id)
        return next((model for model in self.models if model.id == base), None)


def load_catalogue() -> Catalogue:
    """Read the package's data file."""
    text = files("smeboost_bedrock").joinpath("catalogue.json").read_text(encoding="utf-8")
    return Catalogue.model_validate_json(text)


def utc_today() -> date:
    """The present day, in UTC."""
    return datetime.now(UTC).date()


def base_id(model_id: str) -> str:
    """The foundation model's id: without the ARN around it and the geography before it."""
    name = model_id.rpartition("/")[2]
    geography, dot, rest = name.partition(".")
    return rest if dot and geography in GEOGRAPHIES else name


def end_warning(name: str, end_of_life: date | None, successor: str | None, today: date) -> str | None:
    """A sentence when a model is near its end or past it, else None."""
    if end_of_life is None or (end_of_life - today).days > WARN_DAYS:
        return None
    instead = f" Use {successor} instead." if successor else " Choose another model."
    if end_of_life <= today:
        return f"{name} reached the end of its life on {end_of_life}.{instead}"
    return f"{name} reaches the end of its life on {end_of_life}, in {(end_of_life - today).days} days.{instead}"
