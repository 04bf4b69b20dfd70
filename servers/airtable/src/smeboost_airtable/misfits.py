"""Which of several values a field surely does not take.

Airtable refuses a batch with the field's name only; the caller wants the record. These are the JSON types of Airtable's
"Field types and cell values" page; a value of the right type may still be refused for what it says.
"""

from pydantic import JsonValue

_TAKES = {
    "a number": ((int, float), {"number", "percent", "currency", "duration", "rating"}),
    "true or false": ((bool,), {"checkbox"}),
    "text": (
        (str,),
        {
            "singleLineText",
            "multilineText",
            "richText",
            "email",
            "url",
            "phoneNumber",
            "singleSelect",
            "date",
            "dateTime",
        },
    ),
    "a list": ((list,), {"multipleSelects", "multipleRecordLinks", "multipleAttachments", "multipleCollaborators"}),
    "an object": ((dict,), {"singleCollaborator", "barcode"}),
}
_TYPES = {field_type: (words, types) for words, (types, field_types) in _TAKES.items() for field_type in field_types}


def misfit(field_type: str, value: JsonValue) -> str | None:
    """What a field of this type takes, when `value` is surely no such thing; null always fits."""
    words, types = _TYPES.get(field_type, ("", ()))
    if value is None or not types:
        return None
    fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    return None if fits else words
