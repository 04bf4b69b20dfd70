"""Errors in the service's own form: a JSON body `{"message": ...}` and the header `x-amzn-ErrorType`.

Messages are the ones that clients of the real service have recorded. Where the emulator refuses what the real service
would do, the message begins with `NOT_EMULATED`, so that nobody takes it for the service's own answer.
"""

NOT_EMULATED = "SME Boost's Bedrock emulator does not support this: "


class ServiceFault(Exception):
    """An answer other than success: HTTP status, the service's name for the error, its message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


def invalid(message: str) -> ServiceFault:
    """The request is understood and refused."""
    return ServiceFault(400, "ValidationException", message)


def unreadable(message: str) -> ServiceFault:
    """The body is not what the operation's model describes."""
    return ServiceFault(400, "SerializationException", message)


def constraint(path: str, rule: str) -> ServiceFault:
    """A member breaks a rule of the service's model; indices in `path` count from 1, as the service counts."""
    message = f"1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must {rule}"
    return invalid(message)


def model_rejected(reason: str) -> ServiceFault:
    """The model, not the API in front of it, refuses the request."""
    return invalid(f"The model returned the following errors: {reason}")


def not_emulated(what: str) -> ServiceFault:
    """A part of the request that the real service understands and this emulator does not."""
    return invalid(f"{NOT_EMULATED}{what}")


def operation_not_emulated(operation: str) -> ServiceFault:
    """A whole operation that is not built."""
    return ServiceFault(501, "NotImplementedException", f"{NOT_EMULATED}the operation {operation}.")


def unknown_model() -> ServiceFault:
    """No such model, or none of that name in this region."""
    return invalid("The provided model identifier is invalid.")


def profile_only(model_id: str) -> ServiceFault:
    """The model is offered through inference profiles only."""
    return invalid(
        f"Invocation of model ID {model_id} with on-demand throughput isn’t supported. Retry your request with the "
        "ID or ARN of an inference profile that contains this model."
    )


def end_of_life() -> ServiceFault:
    """The model was retired."""
    message = (
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
    )
    return ServiceFault(404, "ResourceNotFoundException", message)


def missing_authentication() -> ServiceFault:
    """Neither a signature nor a bearer key came with the request."""
    return ServiceFault(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def body_too_large(limit_bytes: int) -> ServiceFault:
    """The body is beyond what the service reads."""
    message = f"The request body is larger than the limit of {limit_bytes} bytes."
    return ServiceFault(413, "RequestEntityTooLargeException", message)
