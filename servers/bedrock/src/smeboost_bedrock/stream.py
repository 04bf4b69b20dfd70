"""Puts a ConverseStream together, event by event.

The order is: messageStart, for each block its deltas and a contentBlockStop, messageStop, metadata. A stream without
messageStop and metadata was cut. Deltas that are not text (a model's thinking) are passed over.
"""

from collections.abc import Mapping
from typing import cast

from smeboost_bedrock.models import ConverseAnswer, Usage

CHARACTERS_PER_TOKEN = 4
"""Rough, for progress only; the bill goes by the service's own count."""

Event = Mapping[str, object]


class AnswerBuilder:
    """Collects the events of one answer."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._parts: list[str] = []
        self._stop_reason: str | None = None
        self._metadata: Event | None = None
        self._characters = 0
        self.begun = False
        """Whether anything arrived."""

    @property
    def text(self) -> str:
        """What arrived so far."""
        return "".join(self._parts)

    @property
    def tokens_estimate(self) -> int:
        """About how many tokens arrived so far."""
        return -(-self._characters // CHARACTERS_PER_TOKEN)

    def add(self, event: Event) -> None:
        """Take in one event."""
        self.begun = True
        delta = _member(_member(event, "contentBlockDelta"), "delta").get("text")
        if isinstance(delta, str):
            self._parts.append(delta)
            self._characters += len(delta)
        if "messageStop" in event:
            self._stop_reason = str(_member(event, "messageStop").get("stopReason"))
        if "metadata" in event:
            self._metadata = _member(event, "metadata")

    def finish(self, *, warning: str | None) -> ConverseAnswer | None:
        """The whole answer, or None when the stream ended early."""
        if self._stop_reason is None or self._metadata is None:
            return None
        return ConverseAnswer(
            text=self.text,
            stop_reason=self._stop_reason,
            model=self._model,
            usage=_usage(_member(self._metadata, "usage")),
            latency_ms=_number(_member(self._metadata, "metrics"), "latencyMs"),
            warning=warning,
        )


def _usage(usage: Event) -> Usage:
    return Usage(
        input_tokens=_number(usage, "inputTokens"),
        output_tokens=_number(usage, "outputTokens"),
        cache_read_input_tokens=_number(usage, "cacheReadInputTokens"),
        cache_write_input_tokens=_number(usage, "cacheWriteInputTokens"),
        total_tokens=_number(usage, "totalTokens"),
    )


def _member(event: Event, name: str) -> Event:
    member = event.get(name)
    return cast(Event, member) if isinstance(member, Mapping) else {}


def _number(event: Event, name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0
