"""The types of fields by what can be done with them (https://airtable.com/developers/web/api/field-model)."""

PLAIN_TEXTS = ("singleLineText", "multilineText", "richText", "email", "url", "phoneNumber")
CREATABLE = (
    *PLAIN_TEXTS,
    "number",
    "percent",
    "currency",
    "duration",
    "rating",
    "checkbox",
    "date",
    "dateTime",
    "singleSelect",
    "multipleSelects",
    "singleCollaborator",
    "multipleCollaborators",
    "multipleRecordLinks",
    "multipleAttachments",
    "barcode",
)
"""Those that the API can make."""
RESULTS = frozenset({"formula", "rollup", "multipleLookupValues"})
"""Those whose cells have the type of a result, and may hold an error."""
COMPUTED = RESULTS | {
    "count",
    "autoNumber",
    "createdTime",
    "createdBy",
    "lastModifiedTime",
    "lastModifiedBy",
    "button",
    "aiText",
    "externalSyncSource",
    "manualSort",
}
"""Those whose cells cannot be written."""
