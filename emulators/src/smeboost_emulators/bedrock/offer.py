"""What this emulated Bedrock offers: foundation models, their lifecycle, and the profiles they are called through.

A small, honest part of the real offer, as of November 2026: ids, lifecycle dates and rules are the real ones, and the
profiles depend on the caller's region as they do there. Dates of an active model's end are left out, as the service
does until it announces one. Sources: the service's model cards and lifecycle page, Anthropic's model pages, and the
MIT-0 data of the package `bedrock-models`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from smeboost_emulators.bedrock.faults import end_of_life, profile_only, unknown_model

Sampling = Literal["free", "one_of", "rejected"]
ACCOUNT = "123456789012"


@dataclass(frozen=True, kw_only=True)
class FoundationModel:
    """One model; `geographies` are the prefixes of its inference profiles."""

    model_id: str
    name: str
    provider: str = "Anthropic"
    inputs: tuple[str, ...] = ("TEXT", "IMAGE")
    outputs: tuple[str, ...] = ("TEXT",)
    geographies: tuple[str, ...] = ("global", "us", "eu", "jp", "au")
    on_demand: bool = False
    max_output_tokens: int = 128_000
    sampling: Sampling = "free"
    prefill: bool = False
    start_of_life: datetime
    legacy: datetime | None = None
    end_of_life: datetime | None = None

    def arn(self, region: str) -> str:
        """The model's ARN in `region`."""
        return f"arn:aws:bedrock:{region}::foundation-model/{self.model_id}"


@dataclass(frozen=True)
class Profile:
    """A way to call `model`: within one geography, or from anywhere (`global`)."""

    geography: str
    model: FoundationModel

    @property
    def profile_id(self) -> str:
        """What a caller passes as the model's id."""
        return f"{self.geography}.{self.model.model_id}"

    def arn(self, region: str) -> str:
        """The profile's ARN for a caller in `region`."""
        return f"arn:aws:bedrock:{region}:{ACCOUNT}:inference-profile/{self.profile_id}"


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


MODELS = (
    FoundationModel(
        model_id="anthropic.claude-sonnet-4-20250514-v1:0",
        name="Claude Sonnet 4",
        geographies=("global", "us", "eu", "apac"),
        max_output_tokens=64_000,
        prefill=True,
        start_of_life=_day(2025, 5, 22),
        legacy=_day(2026, 4, 14),
        end_of_life=_day(2026, 10, 14),
    ),
    FoundationModel(
        model_id="anthropic.claude-sonnet-4-5-20250929-v1:0",
        name="Claude Sonnet 4.5",
        max_output_tokens=64_000,
        sampling="one_of",
        prefill=True,
        start_of_life=_day(2025, 9, 29),
        legacy=_day(2026, 10, 8),
        end_of_life=_day(2027, 4, 8),
    ),
    FoundationModel(
        model_id="anthropic.claude-opus-4-1-20250805-v1:0",
        name="Claude Opus 4.1",
        geographies=("us",),
        max_output_tokens=32_000,
        sampling="one_of",
        prefill=True,
        start_of_life=_day(2025, 8, 5),
        legacy=_day(2026, 7, 8),
        end_of_life=_day(2027, 1, 8),
    ),
    FoundationModel(
        model_id="anthropic.claude-haiku-4-5-20251001-v1:0",
        name="Claude Haiku 4.5",
        geographies=("global", "us", "eu", "jp", "au", "in"),
        max_output_tokens=64_000,
        sampling="one_of",
        prefill=True,
        start_of_life=_day(2025, 10, 15),
    ),
    FoundationModel(
        model_id="anthropic.claude-sonnet-4-6",
        name="Claude Sonnet 4.6",
        sampling="one_of",
        start_of_life=_day(2026, 2, 17),
    ),
    FoundationModel(
        model_id="anthropic.claude-sonnet-5",
        name="Claude Sonnet 5",
        geographies=("global", "us", "eu", "au", "in"),
        on_demand=True,
        sampling="rejected",
        start_of_life=_day(2026, 6, 30),
    ),
    FoundationModel(
        model_id="anthropic.claude-sonnet-5-5",
        name="Claude Sonnet 5.5",
        geographies=("global", "us", "eu", "au"),
        sampling="rejected",
        start_of_life=_day(2026, 9, 28),
    ),
    FoundationModel(
        model_id="anthropic.claude-opus-5-5",
        name="Claude Opus 5.5",
        on_demand=True,
        sampling="rejected",
        start_of_life=_day(2026, 9, 28),
    ),
    FoundationModel(
        model_id="amazon.nova-lite-v1:0",
        name="Nova Lite",
        provider="Amazon",
        inputs=("TEXT", "IMAGE", "VIDEO"),
        geographies=("us", "eu", "apac"),
        on_demand=True,
        max_output_tokens=10_000,
        prefill=True,
        start_of_life=_day(2024, 12, 3),
    ),
    FoundationModel(
        model_id="amazon.titan-embed-text-v2:0",
        name="Titan Embeddings V2",
        provider="Amazon",
        inputs=("TEXT",),
        outputs=("EMBEDDING",),
        geographies=(),
        on_demand=True,
        start_of_life=_day(2024, 4, 30),
    ),
)


def geographies_of(region: str) -> tuple[str, ...]:
    """The prefixes of the profiles that a caller in `region` has."""
    exact = {"ap-northeast-1": "jp", "ap-northeast-3": "jp", "ap-southeast-2": "au", "ap-southeast-4": "au"}
    by_area = {"us": "us", "ca": "us", "eu": "eu"}
    own = exact.get(region) or by_area.get(region.split("-", 1)[0])
    asian = ("apac",) if region.startswith("ap-") else ()
    return ("global", *((own,) if own else ()), *asian)


def profiles_in(region: str) -> Iterator[Profile]:
    """Every profile of a caller in `region`, in a stable order."""
    offered = geographies_of(region)
    for model in MODELS:
        for geography in model.geographies:
            if geography in offered:
                yield Profile(geography, model)


def find_model(identifier: str) -> FoundationModel | None:
    """The foundation model of that id or ARN."""
    wanted = _last_part(identifier, "foundation-model")
    return next((model for model in MODELS if model.model_id == wanted), None)


def find_profile(identifier: str, region: str) -> Profile | None:
    """The inference profile of that id or ARN, as a caller in `region` sees it."""
    wanted = _last_part(identifier, "inference-profile")
    return next((profile for profile in profiles_in(region) if profile.profile_id == wanted), None)


def known_model(identifier: str, region: str, now: datetime) -> FoundationModel:
    """The living model that `identifier` (an id or an ARN, of a model or of a profile) stands for.

    Raises:
        ServiceFault: unknown in this region, or retired.
    """
    profile = find_profile(identifier, region)
    model = profile.model if profile else find_model(identifier)
    if model is None:
        raise unknown_model()
    if model.end_of_life and model.end_of_life <= now:
        raise end_of_life()
    return model


def callable_model(identifier: str, region: str, now: datetime) -> FoundationModel:
    """As `known_model`, for a call: many models are offered through profiles only."""
    model = known_model(identifier, region, now)
    if not model.on_demand and find_profile(identifier, region) is None:
        raise profile_only(model.model_id)
    return model


def _last_part(identifier: str, resource: str) -> str:
    if not identifier.startswith("arn:"):
        return identifier
    kind, _, name = identifier.split(":", 5)[-1].partition("/")
    return name if kind == resource else ""
