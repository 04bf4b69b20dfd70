"""What a failed call means to the caller: one table from the service's codes to our errors.

`client.py` turns what the SDK raises into a `Refusal`; nothing here knows the SDK. Codes that the SDK itself stands for
are named in `LOCAL_CODES`. Sources: the service's API reference (errors of Converse and ConverseStream), and messages
recorded by its users.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from smeboost_shared.errors import (
    FieldProblem,
    InvalidInput,
    Misconfigured,
    NotFound,
    NotSupported,
    QuotaExhausted,
    RateLimited,
    SmeBoostError,
    TooLarge,
    VendorBadAnswer,
    VendorCredentials,
    VendorRejected,
    VendorTimeout,
    VendorUnavailable,
)

from smeboost_bedrock.catalogue import ModelFacts

MESSAGE_CHARACTERS_MAX = 500
"""How much of a text that the service sent is passed on."""
PARTIAL_CHARACTERS_MAX = 2000
"""An answer that broke off is passed on up to this length."""
LOCAL_CODES = (
    "ConnectFailed",
    "ConnectionBroken",
    "ReadTimeout",
    "StreamUnreadable",
    "CredentialsMissing",
    "EndpointRefused",
    "RequestRefused",
)
BILL_HINT = (
    "The model may have worked on it, and then it is billed: before you ask again, ask for fewer tokens or raise "
    "BEDROCK_READ_TIMEOUT_SECONDS."
)
CREDENTIALS_HINT = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK, and allow them "
    "bedrock:InvokeModelWithResponseStream, bedrock:ListFoundationModels and bedrock:ListInferenceProfiles. "
    "An emulator takes any key."
)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why an attempt failed: the service's code (first letter large) or one of `LOCAL_CODES`."""

    code: str
    message: str = ""
    status: int | None = None
    hint_seconds: float | None = None
    status_behind: int | None = None
    """The status of the model behind the API, when that failed."""
    in_stream: bool = False
    """The answer had begun."""

    @property
    def is_daily_quota(self) -> bool:
        """A throttle that lasts until tomorrow."""
        return self.code == "ThrottlingException" and "per day" in self.message

    @property
    def text(self) -> str:
        """The service's message, shortened."""
        short = self.message[:MESSAGE_CHARACTERS_MAX]
        return f"Bedrock: {short}" if short else f"Bedrock answered {self.code}."


def error_for(
    refusal: Refusal, *, model: str, facts: ModelFacts | None, today: date, partial: str = ""
) -> SmeBoostError:
    """The error that the caller gets; `model` is empty for a list, `partial` is what had arrived of the answer."""
    error = _model_error(refusal, model, facts, today) or _BY_CODE.get(refusal.code, _by_status)(refusal)
    if not model and error.hint == BILL_HINT:
        error.hint = None  # a list is not billed
    if partial and len(partial) <= PARTIAL_CHARACTERS_MAX:
        error.hint = f"{error.hint or ''} The answer had begun (a model's text, cut off): {partial}".strip()
    return error


def _model_error(refusal: Refusal, model: str, facts: ModelFacts | None, today: date) -> SmeBoostError | None:
    """Faults of the model's id. A retired id is answered as unknown in some places, so that its date counts too."""
    message = refusal.message
    ended = facts is not None and facts.end_of_life is not None and facts.end_of_life <= today
    if "end of its life" in message or "marked by provider as Legacy" in message:
        return NotFound(refusal.text, hint=_successor(facts))
    if refusal.code != "ValidationException":
        return None
    if "model identifier is invalid" in message:
        if ended:
            return NotFound(f"{model} has reached the end of its life.", hint=_successor(facts))
        return _invalid_model(f"There is no model {model[:200]!r} in this region.", "list_models shows what there is.")
    if "on-demand throughput" in message:
        instead = f"Use {facts.call_as} or another profile" if facts else "Use one of its inference profiles"
        return _invalid_model(f"{model[:200]} is called through an inference profile.", f"{instead}; see list_models.")
    return None


def _invalid_model(message: str, hint: str) -> InvalidInput:
    return InvalidInput(message, hint=hint, errors=[FieldProblem(field="model", message=hint)])


def _successor(facts: ModelFacts | None) -> str:
    if facts and facts.successor:
        return f"Use {facts.successor} instead."
    return "Choose another model with list_models."


def _throttled(refusal: Refusal) -> SmeBoostError:
    if refusal.is_daily_quota:
        return QuotaExhausted(
            refusal.text, hint="Wait until tomorrow, use another model, or raise the account's quota."
        )
    hint = "A smaller max_tokens reserves less of the account's quota."
    return RateLimited(refusal.text, hint=hint, retry_after_seconds=refusal.hint_seconds)


def _model_failed(refusal: Refusal) -> SmeBoostError:
    if (refusal.status_behind or 0) >= 500:
        return VendorUnavailable(refusal.text)
    return VendorBadAnswer(refusal.text)


def _broken(refusal: Refusal) -> SmeBoostError:
    if refusal.in_stream:
        return VendorBadAnswer("Bedrock's answer broke off before its end.", hint="What was written is billed.")
    return VendorUnavailable("The connection to Bedrock broke before it answered.", hint=BILL_HINT)


def _unreachable(_refusal: Refusal) -> SmeBoostError:
    return VendorUnavailable("Bedrock cannot be reached.", hint="Check the network, the address, its certificate.")


def _unreadable(_refusal: Refusal) -> SmeBoostError:
    return VendorBadAnswer("Bedrock's answer cannot be read.", hint="What was written is billed.")


def _timed_out(refusal: Refusal) -> SmeBoostError:
    # Not `outcome_unknown`: a converse changes nothing that could be looked up, so asking again is harmless. It costs
    # money once more, though, so that we never do it by ourselves and say what to weigh.
    return VendorTimeout(refusal.text if refusal.status else "Bedrock was silent for too long.", hint=BILL_HINT)


def _credentials(refusal: Refusal) -> SmeBoostError:
    return VendorCredentials(refusal.text, hint=CREDENTIALS_HINT)


def _by_status(refusal: Refusal) -> SmeBoostError:
    status = refusal.status or 500
    if status == 413:
        return TooLarge(refusal.text, hint="Send less text.")
    if status == 501:
        return NotSupported(refusal.text)
    if status in (401, 403):
        return _credentials(refusal)
    return VendorUnavailable(refusal.text) if status >= 500 else VendorRejected(refusal.text)


_BY_CODE: Mapping[str, Callable[[Refusal], SmeBoostError]] = {
    "ValidationException": lambda refusal: InvalidInput(refusal.text),
    "RequestRefused": lambda refusal: InvalidInput(refusal.text),
    "ResourceNotFoundException": lambda refusal: NotFound(refusal.text),
    "ThrottlingException": _throttled,
    "TooManyRequestsException": _throttled,
    "ServiceQuotaExceededException": lambda refusal: QuotaExhausted(refusal.text),
    "ModelTimeoutException": _timed_out,
    "ReadTimeout": _timed_out,
    "ModelErrorException": _model_failed,
    "ModelStreamErrorException": _model_failed,
    "ModelNotReadyException": lambda refusal: VendorUnavailable(refusal.text),
    "ServiceUnavailableException": lambda refusal: VendorUnavailable(refusal.text),
    "InternalServerException": lambda refusal: VendorUnavailable(refusal.text),
    "ConnectFailed": _unreachable,
    "ConnectionBroken": _broken,
    "StreamUnreadable": _unreadable,
    "AccessDeniedException": _credentials,
    "UnrecognizedClientException": _credentials,
    "InvalidSignatureException": _credentials,
    "ExpiredTokenException": _credentials,
    "CredentialsMissing": _credentials,
    "EndpointRefused": lambda refusal: Misconfigured(
        refusal.text, hint="AWS_BEARER_TOKEN_BEDROCK needs an https address; use keys with an http one."
    ),
}
