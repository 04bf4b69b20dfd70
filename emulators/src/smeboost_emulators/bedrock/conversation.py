"""Reads and checks a Converse body the way the service does: first its shape, then its rules, then the model's own.

Only text is emulated. Every other part that the real service knows is refused by name; members that it does not know
are ignored, as the real service ignores them.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from smeboost_emulators.bedrock.faults import (
    ServiceFault,
    constraint,
    invalid,
    model_rejected,
    not_emulated,
    unreadable,
)
from smeboost_emulators.bedrock.offer import FoundationModel

JsonObject = dict[str, object]
STOP_SEQUENCES_MAX = 2500
ROLES = ("user", "assistant", "system")
BLOCKS_NOT_EMULATED = (
    "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent", "cachePoint",
    "reasoningContent", "citationsContent", "searchResult", "toolAddition", "toolRemoval",
)  # fmt: skip
MEMBERS_NOT_EMULATED = (
    "toolConfig", "guardrailConfig", "additionalModelRequestFields", "additionalModelResponseFieldPaths",
    "promptVariables", "performanceConfig", "serviceTier", "outputConfig",
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """One message: who said it, and its text."""

    role: str
    text: str


@dataclass(frozen=True)
class Conversation:
    """A checked Converse request."""

    turns: tuple[Turn, ...]
    system: str
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] = ()


def read_conversation(body: JsonObject) -> Conversation:
    """The conversation that `body` describes.

    Raises:
        ServiceFault: the body breaks the service's model, or asks for what is not emulated.
    """
    for member in MEMBERS_NOT_EMULATED:
        if body.get(member) is not None:
            raise not_emulated(f"the member {member!r}; this emulator answers plain text only.")
    inference = _object(body.get("inferenceConfig"), "inferenceConfig")
    return Conversation(
        turns=tuple(_turn(item, index) for index, item in enumerate(_list(body.get("messages"), "messages"))),
        system="\n".join(_system_texts(body)),
        max_tokens=_max_tokens(inference),
        temperature=_fraction(inference, "temperature"),
        top_p=_fraction(inference, "topP"),
        stop_sequences=_stop_sequences(inference),
    )


def check_conversation(conversation: Conversation, model: FoundationModel) -> None:
    """The rules of a conversation, then those of the model.

    Raises:
        ServiceFault: a rule is broken; the message is the service's own.
    """
    roles = [turn.role for turn in conversation.turns]
    if not roles or (roles[0] != "user" and model.provider != "Anthropic"):
        raise invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user "
            "message."
        )
    if any(first == second for first, second in pairwise(roles)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates "
            "between user and assistant roles and try again."
        )
    if "TEXT" not in model.outputs:
        raise invalid("This action doesn't support the model that you provided. Try again with a supported model.")
    _check_model_rules(conversation, model)


def _check_model_rules(conversation: Conversation, model: FoundationModel) -> None:
    limit = model.max_output_tokens
    if conversation.max_tokens is not None and conversation.max_tokens > limit:
        raise invalid(
            f"The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens "
            f"value that is lower than {limit}."
        )
    given = [name for name in ("temperature", "top_p") if getattr(conversation, name) is not None]
    if given and model.sampling == "rejected":
        raise model_rejected(f"`{given[0]}` is deprecated for this model.")
    if len(given) == 2 and model.sampling == "one_of":
        raise model_rejected("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if conversation.turns[-1].role == "assistant" and not model.prefill:
        raise model_rejected(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _turn(item: object, index: int) -> Turn:
    message = _object(item, "messages")
    role = message.get("role")
    if role is None:
        raise constraint(f"messages.{index + 1}.member.role", "not be null")
    if role not in ROLES:
        raise constraint(f"messages.{index + 1}.member.role", "satisfy enum value set: [system, user, assistant]")
    if role == "system":
        raise not_emulated("a message with the role 'system'; use the member 'system'.")
    if message.get("content") is None:
        raise constraint(f"messages.{index + 1}.member.content", "not be null")
    blocks = _list(message["content"], "content")
    if not blocks:
        raise invalid(
            f"The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the "
            "content field and try again."
        )
    texts = [_text(block, f"messages.{index}.content.{place}") for place, block in enumerate(blocks)]
    return Turn(str(role), "\n".join(texts))


def _text(item: object, path: str) -> str:
    block = _object(item, path)
    for kind in BLOCKS_NOT_EMULATED:
        if block.get(kind) is not None:
            raise not_emulated(f"the content block {kind!r} at {path}; this emulator reads text only.")
    text = block.get("text")
    if text is None:
        raise invalid(f"The ContentBlock object at {path} must set one of the following keys: text.")
    if not isinstance(text, str):
        raise _wrong_type(text, "String")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise unreadable(f"The text at {path} holds half of a surrogate pair.")
    if not text.strip():
        raise invalid(
            f"The text field in the ContentBlock object at {path} is blank. Add text to the text field, and try again."
        )
    return text


def _system_texts(body: JsonObject) -> list[str]:
    blocks = [] if body.get("system") is None else _list(body["system"], "system")
    return [_text(block, f"system.{place}") for place, block in enumerate(blocks)]


def _max_tokens(inference: JsonObject) -> int | None:
    value = inference.get("maxTokens")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(value, "Integer")
    if value < 1:
        raise constraint("inferenceConfig.maxTokens", "have value greater than or equal to 1")
    return value


def _fraction(inference: JsonObject, name: str) -> float | None:
    value = inference.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, "Float")
    if value < 0:
        raise constraint(f"inferenceConfig.{name}", "have value greater than or equal to 0")
    if not value <= 1:
        raise constraint(f"inferenceConfig.{name}", "have value less than or equal to 1")
    return float(value)


def _stop_sequences(inference: JsonObject) -> tuple[str, ...]:
    given = inference.get("stopSequences")
    values = [] if given is None else _list(given, "stopSequences")
    if len(values) > STOP_SEQUENCES_MAX:
        raise constraint("inferenceConfig.stopSequences", f"have length less than or equal to {STOP_SEQUENCES_MAX}")
    for place, value in enumerate(values):
        if not isinstance(value, str):
            raise _wrong_type(value, "String")
        if not value:
            path = f"inferenceConfig.stopSequences.{place + 1}.member"
            raise constraint(path, "have length greater than or equal to 1")
    return tuple(str(value) for value in values)


def _object(value: object, name: str) -> JsonObject:
    if value is None and name == "inferenceConfig":
        return {}
    if not isinstance(value, dict):
        raise unreadable(f"Expected an object at {name}.")
    return cast(JsonObject, value)


def _list(value: object, name: str) -> list[object]:
    if value is None:
        raise constraint(name, "not be null")
    if not isinstance(value, list):
        raise unreadable(f"Expected a list at {name}.")
    return cast(list[object], value)


def _wrong_type(value: object, wanted: str) -> ServiceFault:
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "BOOLEAN_VALUE"),
        (str, "STRING_VALUE"),
        (dict, "START_OBJECT"),
        (list, "START_ARRAY"),
    )
    found = next((name for kind, name in kinds if isinstance(value, kind)), "NUMBER_VALUE")
    return unreadable(f"{found} can not be converted to {wanted}")
