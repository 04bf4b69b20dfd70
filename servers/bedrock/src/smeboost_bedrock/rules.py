"""Checks before a call: what the model would refuse anyway is refused at once, by field, and for free.

Only rules that are certain are here; the service stays the judge of everything else.
"""

from smeboost_shared.errors import FieldProblem, InvalidInput, TooLarge

from smeboost_bedrock.catalogue import ModelFacts
from smeboost_bedrock.models import ConverseRequest


def check_request(request: ConverseRequest, facts: ModelFacts | None, *, prompt_characters_max: int) -> None:
    """Refuse what cannot succeed.

    Raises:
        TooLarge: more text than the setting allows.
        InvalidInput: blank text, or a field that this model does not accept; each problem names its field.
    """
    sent = len(request.system or "") + sum(len(message.text) for message in request.messages)
    if sent > prompt_characters_max:
        raise TooLarge(
            f"The prompt has {sent} characters; at most {prompt_characters_max} are sent.",
            hint="Send less text, or raise BEDROCK_PROMPT_CHARACTERS_MAX.",
        )
    problems = [*_blank_texts(request), *(_model_rules(request, facts) if facts else [])]
    if problems:
        raise InvalidInput(f"{request.model} cannot answer this request.", errors=problems)


def _blank_texts(request: ConverseRequest) -> list[FieldProblem]:
    problems = [
        FieldProblem(field=f"messages.{place}.text", message="is blank; Bedrock refuses blank text")
        for place, message in enumerate(request.messages)
        if not message.text.strip()
    ]
    if request.system is not None and not request.system.strip():
        problems.append(FieldProblem(field="system", message="is blank; leave it out"))
    return problems


def _model_rules(request: ConverseRequest, facts: ModelFacts) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if request.temperature is not None and facts.sampling == "rejected":
        message = f"{facts.name} does not accept a temperature; leave it out"
        problems.append(FieldProblem(field="temperature", message=message))
    if request.max_tokens > facts.max_output_tokens:
        message = f"{facts.name} writes at most {facts.max_output_tokens} tokens"
        problems.append(FieldProblem(field="max_tokens", message=message))
    if request.messages[-1].role == "assistant" and not facts.prefill:
        message = f"{facts.name} does not continue an assistant's message; end with a user's"
        problems.append(FieldProblem(field="messages", message=message))
    return problems
