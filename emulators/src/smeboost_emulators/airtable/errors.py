"""The vendor's error bodies, word for word as seen or documented.

Three envelopes exist: an object (`{"error": {"type", "message"}}`), a bare text (`{"error": "NOT_FOUND"}`) and, for
429, a list (`{"errors": [{"error", "message"}]}`). Everything a caller can do wrong is raised as an `ApiError`.
"""

BATCH_RECORDS_MAX = 10
"""Records in one create, update, upsert or delete request."""


class ApiError(Exception):
    """An answer that is not 2xx: its status, its whole body, and headers beyond the usual ones."""

    def __init__(self, status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


class SeedError(Exception):
    """The seed cannot be loaded; the message says where and why."""


def typed(status: int, kind: str, message: str | None = None) -> ApiError:
    """The object envelope; a few of the vendor's types come without a message."""
    error: dict[str, object] = {"type": kind}
    if message is not None:
        error["message"] = message
    return ApiError(status, {"error": error})


def authentication_required() -> ApiError:
    return typed(401, "AUTHENTICATION_REQUIRED", "Authentication required")


def model_not_found() -> ApiError:
    """Unknown base, table or record; the vendor does not tell which."""
    return typed(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and your token have "
        "the required permissions, and that the model names and/or ids are correct.",
    )


def not_permitted() -> ApiError:
    return typed(403, "INVALID_PERMISSIONS", "You are not permitted to perform this operation")


def not_found() -> ApiError:
    """No such route, an identifier of the wrong shape, or a record that was deleted."""
    return ApiError(404, {"error": "NOT_FOUND"})


def comment_not_found() -> ApiError:
    """As another emulator answers; not seen from the vendor."""
    return typed(404, "MODEL_ID_NOT_FOUND", "Comment not found")


def body_too_large(limit_bytes: int) -> ApiError:
    return typed(413, "REQUEST_TOO_LARGE", f"The request body is larger than the limit of {limit_bytes} bytes")


def upload_too_large(limit_bytes: int) -> ApiError:
    """The vendor documents the limit and not the answer [I]."""
    return typed(413, "REQUEST_TOO_LARGE", f"The file is larger than the limit of {limit_bytes} bytes")


def address_ended() -> ApiError:
    """410 has been seen by users [O]; the body is ours."""
    return typed(
        410, "ATTACHMENT_URL_EXPIRED", "This address of a file has ended. Read the record again for a new one."
    )


def address_refused() -> ApiError:
    """Ours."""
    return typed(403, "ATTACHMENT_URL_INVALID", "This is not an address of a file that was given out here.")


def url_too_long(limit_characters: int) -> ApiError:
    return typed(
        414,
        "REQUEST_URI_TOO_LONG",
        f"The URL is longer than the limit of {limit_characters} characters; use POST listRecords instead",
    )


def unreadable_body() -> ApiError:
    return typed(422, "INVALID_REQUEST_BODY", "Could not parse request body")


def invalid_request(detail: str | None = None) -> ApiError:
    """`detail` names the parameter and what it may be; the vendor's own sentence comes first."""
    message = "Invalid request: parameter validation failed. Check your request data."
    return typed(422, "INVALID_REQUEST_UNKNOWN", f"{message} {detail}" if detail else message)


def missing_fields() -> ApiError:
    return typed(422, "INVALID_REQUEST_MISSING_FIELDS", 'Could not find field "fields" in the request body')


def unknown_field(name: str) -> ApiError:
    return typed(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def value_refused(field_name: str) -> ApiError:
    return typed(422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field_name}" cannot accept the provided value')


def field_is_computed(field_name: str) -> ApiError:
    return typed(
        422,
        "INVALID_VALUE_FOR_COLUMN",
        f'Field "{field_name}" cannot accept a value because the field is computed',
    )


def unknown_choice(name: str) -> ApiError:
    # The vendor quotes the name twice.
    return typed(
        422,
        "INVALID_MULTIPLE_CHOICE_OPTIONS",
        f'Insufficient permissions to create new select option ""{name}""',
    )


def no_such_row(record_id: str) -> ApiError:
    return typed(422, "ROW_DOES_NOT_EXIST", f"Record ID {record_id} does not exist in this table")


def not_record_ids() -> ApiError:
    return typed(422, "VALUE_IS_NOT_ARRAY_OF_RECORD_IDS", "Value is not an array of record IDs.")


def too_many_records(verb: str, count: int) -> ApiError:
    return typed(
        422,
        "INVALID_RECORDS",
        f"A maximum of {BATCH_RECORDS_MAX} records can be {verb} per request but you have provided {count}.",
    )


def malformed_records(expected: str) -> ApiError:
    return typed(422, "INVALID_RECORDS", f"You must provide an array of up to {BATCH_RECORDS_MAX} record {expected}.")


NEW_RECORDS = 'objects, each with a "fields" object for cell values'
CHANGED_RECORDS = 'objects, each with an "id" ID field and a "fields" object for cell values'
RECORD_IDS = "IDs"


def ambiguous_upsert(record_ids: list[str]) -> ApiError:
    found = ", ".join(record_ids[:BATCH_RECORDS_MAX])
    return typed(422, "INVALID_RECORDS", f"Cannot update more than one record per merge value; it matches {found}")


def invalid_formula(detail: str) -> ApiError:
    return typed(422, "INVALID_FILTER_BY_FORMULA", f"The formula for filtering records is invalid: {detail}")


def unknown_view(name: str, *, by_id: bool) -> ApiError:
    return typed(422, "VIEW_ID_NOT_FOUND" if by_id else "VIEW_NAME_NOT_FOUND", f"View {name} not found")


def view_of_another_table() -> ApiError:
    return typed(422, "FAILED_STATE_CHECK")


def iterator_gone() -> ApiError:
    """The vendor sends this one without a message."""
    return typed(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")


def invalid_offset(offset: object) -> ApiError:
    return typed(422, "INVALID_OFFSET_VALUE", f"The value of offset {offset} is invalid")


def too_many_requests(*, retry_after_seconds: int | None) -> ApiError:
    message = "Rate limit exceeded. Please try again later"
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return ApiError(429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": message}]}, headers)


def calls_of_month_spent() -> ApiError:
    """The type is as users have seen it; that it comes in the list form is inferred from the other 429."""
    message = "The API billing plan limit has been exceeded"
    return ApiError(429, {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": message}]})


def server_error() -> ApiError:
    return typed(500, "SERVER_ERROR", "An unexpected error occurred")


def not_supported(what: str) -> ApiError:
    """Ours, not the vendor's: this emulator has no such part yet, and does not guess."""
    return typed(501, "EMULATOR_NOT_SUPPORTED", f"This emulator does not support {what}.")


def nothing_to_reset_to() -> ApiError:
    """Ours: a reset would leave nothing of a data directory."""
    return typed(
        409,
        "NOTHING_TO_RESET_TO",
        "There is no seed and no checkpoint to go back to. Start with --seed, or POST /_emulator/checkpoint first.",
    )


def storage_failed() -> ApiError:
    """Ours: the data directory could not be written, so nothing was changed."""
    return typed(503, "RETRIABLE_ERROR", "The change could not be stored; nothing was changed. Try again.")
