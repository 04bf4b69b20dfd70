"""The vendor's answers to a schema that cannot be; the types are as users have seen them unless said otherwise."""

from smeboost_emulators.airtable.errors import ApiError, typed


def field_type_not_creatable(table_name: str, field_name: str, kind: str) -> ApiError:
    return typed(
        422,
        "UNSUPPORTED_FIELD_TYPE_FOR_CREATE",
        f"Invalid options for {table_name}.{field_name}: Creating {kind} fields is not supported at this time",
    )


def options_refused(table_name: str, field_name: str, detail: str) -> ApiError:
    """`detail` is about the path `<root>`, e.g. `<root>.options is missing`."""
    return typed(
        422,
        "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE",
        f"Invalid options for {table_name}.{field_name}: Failed schema validation: {detail}",
    )


def field_name_taken(field_name: str) -> ApiError:
    return typed(
        422,
        "DUPLICATE_OR_EMPTY_FIELD_NAME",
        f'The field name "{field_name}" is already in use in this table (case does not count)'
        if field_name
        else "Field names cannot be empty",
    )


def table_name_taken(table_name: str) -> ApiError:
    return typed(
        422,
        "DUPLICATE_TABLE_NAME",
        f'The table name "{table_name}" is already in use in this base (case does not count)',
    )


def primary_field_refused(table_name: str, field_name: str, kind: str) -> ApiError:
    """The type is inferred; that such a table is refused is documented."""
    return typed(
        422,
        "INVALID_PRIMARY_FIELD_TYPE",
        f'"{field_name}" cannot be the primary field of "{table_name}", because its type is {kind}',
    )


def workspace_missing() -> ApiError:
    """As users have seen it in 2026, as unhelpful as it is."""
    return typed(422, "INVALID_REQUEST", "Server error: workspaceId is missing")


def model_id_not_found(what: str) -> ApiError:
    return typed(404, "MODEL_ID_NOT_FOUND", f"{what} not found")
