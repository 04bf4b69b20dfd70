"""Merges what the service lists with what the catalogue knows."""

from collections.abc import Iterable
from datetime import date

from smeboost_bedrock.catalogue import Catalogue, ModelFacts, Prices, end_warning
from smeboost_bedrock.models import ListedModel, ModelSummary, PriceTag

GLOBAL_PREFIX = "global."


def summarise(listed: Iterable[ListedModel], catalogue: Catalogue, *, today: date) -> list[ModelSummary]:
    """The models that can be called, by provider and id. The service's own dates win over the catalogue's."""
    callable_models = [model for model in listed if model.on_demand or model.profile_ids]
    return [
        _summary(model, catalogue, catalogue.facts(model.id), today)
        for model in sorted(callable_models, key=lambda model: (model.provider.lower(), model.id))
    ]


def price_tag(prices: Prices, called_as: str, catalogue: Catalogue) -> PriceTag:
    """`prices` with their source."""
    return PriceTag(
        input_usd=float(prices.input),
        output_usd=float(prices.output),
        cache_read_usd=None if prices.cache_read is None else float(prices.cache_read),
        cache_write_usd=None if prices.cache_write is None else float(prices.cache_write),
        scope="global" if called_as.rpartition("/")[2].startswith(GLOBAL_PREFIX) else "regional",
        source=catalogue.sources.prices,
        as_of=catalogue.as_of,
    )


def _summary(model: ListedModel, catalogue: Catalogue, facts: ModelFacts | None, today: date) -> ModelSummary:
    end = model.end_of_life or (facts.end_of_life if facts else None)
    successor = facts.successor if facts else None
    call_ids = [*([model.id] if model.on_demand else []), *sorted(model.profile_ids)]
    return ModelSummary(
        id=model.id,
        name=model.name,
        provider=model.provider,
        call_ids=call_ids,
        status=_status(model, end, today),
        end_of_life=end,
        warning=end_warning(model.name, end, successor, today),
        context_tokens=facts.context_tokens if facts else None,
        max_output_tokens=facts.max_output_tokens if facts else None,
        temperature=facts.sampling if facts else None,
        prices_per_million_tokens=_price_tags(call_ids, facts, catalogue),
    )


def _status(model: ListedModel, end: date | None, today: date) -> str:
    if end is not None and end <= today:
        return "end_of_life"
    return "legacy" if model.legacy else "active"


def _price_tags(call_ids: list[str], facts: ModelFacts | None, catalogue: Catalogue) -> list[PriceTag]:
    """One tag for the global profile and one for all others, as far as they exist."""
    tags: dict[str, PriceTag] = {}
    for call_id in call_ids:
        prices = facts.prices(call_id) if facts else None
        if prices:
            tag = price_tag(prices, call_id, catalogue)
            tags.setdefault(tag.scope, tag)
    return list(tags.values())
