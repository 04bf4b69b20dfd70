"""What the emulator says, and what it says it cost.

No model runs here, and every answer says so: it states what arrived and echoes the start of the last user text.

Tokens are estimated as one for every `CHARACTERS_PER_TOKEN` characters, rounded up, at least one; cache counts are
always zero because prompt caching is not emulated. `maxTokens` and `stopSequences` act on the text as they would on a
model's.
"""

from dataclasses import dataclass

from smeboost_emulators.bedrock.conversation import Conversation

CHARACTERS_PER_TOKEN = 4
ECHO_CHARACTERS_MAX = 200
CHUNK_CHARACTERS = 24
"""How much text one `contentBlockDelta` carries."""


@dataclass(frozen=True)
class Answer:
    """A finished answer in the service's terms."""

    text: str
    stop_reason: str
    input_tokens: int
    output_tokens: int

    def usage(self) -> dict[str, object]:
        """The member `usage` of a Converse response."""
        return {
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
            "totalTokens": self.input_tokens + self.output_tokens,
            "cacheReadInputTokens": 0,
            "cacheWriteInputTokens": 0,
        }

    def chunks(self) -> list[str]:
        """The text in the pieces in which it is streamed."""
        return [self.text[at : at + CHUNK_CHARACTERS] for at in range(0, len(self.text), CHUNK_CHARACTERS)]


def answer(conversation: Conversation, model_id: str) -> Answer:
    """What the emulator answers to `conversation`."""
    text, stop_reason = _stopped(_statement(conversation, model_id), conversation.stop_sequences)
    limit = conversation.max_tokens
    if limit is not None and estimate_tokens(text) > limit:
        text, stop_reason = text[: limit * CHARACTERS_PER_TOKEN], "max_tokens"
    return Answer(text, stop_reason, input_tokens(conversation), estimate_tokens(text))


def input_tokens(conversation: Conversation) -> int:
    """The estimate for everything that was sent."""
    return estimate_tokens(conversation.system + "".join(turn.text for turn in conversation.turns))


def estimate_tokens(text: str) -> int:
    """The stated estimate; see the module's docstring."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def _statement(conversation: Conversation, model_id: str) -> str:
    turns = conversation.turns
    characters = sum(len(turn.text) for turn in turns)
    last = next((turn.text for turn in reversed(turns) if turn.role == "user"), "")
    echo = last[:ECHO_CHARACTERS_MAX] + ("..." if len(last) > ECHO_CHARACTERS_MAX else "")
    return (
        "This text comes from SME Boost's local Bedrock emulator; it is not a model, and nothing was thought about. "
        f"It received for {model_id}: {len(turns)} message(s) with {characters} characters, and a system prompt of "
        f'{len(conversation.system)} characters. The last user text starts: "{echo}"'
    )


def _stopped(text: str, sequences: tuple[str, ...]) -> tuple[str, str]:
    places = [place for place in (text.find(sequence) for sequence in sequences) if place >= 0]
    return (text[: min(places)], "stop_sequence") if places else (text, "end_turn")
