"""Which models there are, and what they cost."""

from decimal import Decimal
from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound
from smeboost_shared.toolkit import READ

from smeboost_bedrock.client import BedrockClient
from smeboost_bedrock.listing import price_tag, summarise
from smeboost_bedrock.models import CostEstimate, ModelList

PAGE_SIZE_MAX = 100
TOKENS_MAX = 1_000_000_000_000
MILLION = Decimal(1_000_000)


def register(mcp: FastMCP, client: BedrockClient) -> None:
    """Offer `list_models` and `estimate_cost`."""

    @mcp.tool(annotations=READ, title="List the models on Bedrock")
    async def list_models(
        provider: Annotated[
            str | None, Field(min_length=1, max_length=63, description="only this provider's, e.g. Anthropic")
        ] = None,
        limit: Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX, description="models on a page")] = 50,
        cursor: Annotated[str | None, Field(min_length=1, max_length=200, description="from the answer before")] = None,
    ) -> ModelList:
        """List the text models that can be called in this region: lifecycle, limits, and prices where known.

        A warning is set on models that are near the end of their life or past it.
        """
        models = summarise(await client.list_models(), client.catalogue, today=client.today())
        if provider is not None:
            models = [model for model in models if model.provider.lower() == provider.lower()]
        start = 0
        if cursor is not None:
            places = [place for place, model in enumerate(models) if model.id == cursor]
            if not places:
                problem = FieldProblem(field="cursor", message="is not from a list of the same provider")
                raise InvalidInput("There is no such page.", errors=[problem])
            start = places[0] + 1
        page = models[start : start + limit]
        more = start + limit < len(models)
        return ModelList(
            models=page,
            default_model=client.catalogue.call_id(client.settings.model_id),
            cursor=page[-1].id if more else None,
        )

    @mcp.tool(annotations=READ, title="Estimate what a call costs")
    async def estimate_cost(
        model: Annotated[str, Field(min_length=1, max_length=2048, description="id, inference profile, ARN or alias")],
        input_tokens: Annotated[int, Field(ge=0, le=TOKENS_MAX, description="tokens of the prompt")],
        output_tokens: Annotated[int, Field(ge=0, le=TOKENS_MAX, description="tokens of the answer")],
    ) -> CostEstimate:
        """Estimate the price of a call in US dollars from the on-demand price list; nothing is called."""
        called_as = client.catalogue.call_id(model)
        facts = client.catalogue.facts(called_as)
        prices = facts.prices(called_as, input_tokens=input_tokens) if facts else None
        if prices is None:
            known = ", ".join(sorted(model.alias for model in client.catalogue.models))
            raise NotFound(f"The price of {model[:200]!r} is not known here.", hint=f"Known models: {known}.")
        paid_in, paid_out = input_tokens * prices.input / MILLION, output_tokens * prices.output / MILLION
        return CostEstimate(
            model=called_as,
            input_usd=float(paid_in),
            output_usd=float(paid_out),
            total_usd=float(paid_in + paid_out),
            prices_per_million_tokens=price_tag(prices, called_as, client.catalogue),
        )
