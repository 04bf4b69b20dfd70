"""The parameters of a list request, from a query string or from the body of POST listRecords.

Clients write lists as `fields[]=A`, `fields=A` or `fields[0]=A`, sorts as `sort[0][field]=A`, booleans as 1, 0, true
or false. `limit` (GET only) is the old name of `pageSize`; `method`, `timeZone` and `userLocale` are sent by
airtable.js whether or not they mean anything, so they are accepted; any other unknown parameter is refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from smeboost_emulators.airtable.errors import invalid_offset, invalid_request, unknown_field
from smeboost_emulators.airtable.records.looks import JSON_BY_NAME, Look
from smeboost_emulators.airtable.records.strings import string_format
from smeboost_emulators.airtable.shapes import list_of, object_of, texts_of
from smeboost_emulators.airtable.state.schema import Table

PAGE_SIZE_MAX = 100
QUERY_PARAMETERS_MAX = 2_000
SORT_FIELDS_MAX = 50

_TOLERATED = frozenset({"method", "timeZone", "userLocale", "cellFormat"})
_KNOWN = _TOLERATED | {
    "pageSize",
    "maxRecords",
    "offset",
    "view",
    "sort",
    "filterByFormula",
    "fields",
    "returnFieldsByFieldId",
    "recordMetadata",
    "includeDateDependencyMetadata",
}
_RECORD_KNOWN = _TOLERATED | {"returnFieldsByFieldId", "includeDateDependencyMetadata"}
_LISTS = frozenset({"fields", "recordMetadata", "records", "include"})
_INDEXED = re.compile(r"(\w+)\[\d*\]", re.ASCII)
_SORT = re.compile(r"sort\[(\d{0,4})\]\[(field|direction)\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """A checked list request; `fields` and `sort` hold field ids."""

    page_size: int = PAGE_SIZE_MAX
    records_max: int | None = None
    offset: str | None = None
    view: str | None = None
    sort: tuple[tuple[str, str], ...] = ()
    formula: str | None = None
    field_ids: tuple[str, ...] | None = None
    look: Look = JSON_BY_NAME
    comment_counts: bool = False


def read_query(query: str) -> dict[str, Any]:
    """A query string as the JSON body that would say the same: lists as lists, the rest as text."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_PARAMETERS_MAX)
    except ValueError:
        raise invalid_request(f"There are more than {QUERY_PARAMETERS_MAX} parameters.") from None
    parameters: dict[str, Any] = {}
    sorts: dict[str, dict[str, str]] = {}
    for key, value in pairs:
        sort, indexed = _SORT.fullmatch(key), _INDEXED.fullmatch(key)
        name = indexed[1] if indexed else key
        if sort:
            sorts.setdefault(sort[1], {})[sort[2]] = value
        elif name in _LISTS:
            parameters.setdefault(name, []).append(value)
        elif indexed:
            raise invalid_request(f"Unknown parameter {key}.")
        else:
            parameters[key] = value
    if sorts:
        parameters["sort"] = [sorts[index] for index in sorted(sorts, key=lambda text: int(text or 0))]
    return parameters


def from_query(table: Table, query: str) -> ListOptions:
    """The options of a GET list request."""
    parameters = read_query(query)
    if "limit" in parameters:
        parameters.setdefault("pageSize", parameters.pop("limit"))
    for key in ("pageSize", "maxRecords"):
        if key in parameters:
            parameters[key] = _whole_number(key, parameters[key])
    return _options(table, parameters, parameters)


def read_page_size(query: Mapping[str, Any]) -> int:
    """The size of a page that a query string asks for."""
    size = _whole_number("pageSize", query["pageSize"]) if "pageSize" in query else PAGE_SIZE_MAX
    return _limited({"pageSize": size}, "pageSize", PAGE_SIZE_MAX) or PAGE_SIZE_MAX


def from_body(table: Table, body: Mapping[str, Any], query: str) -> ListOptions:
    """The options of a POST listRecords request; the format parameters are read from the query string."""
    if "offset" in body and not isinstance(body["offset"], str):
        raise invalid_offset(body["offset"])
    return _options(table, body, read_query(query))


def look_of_record(query: str) -> Look:
    """The look that the query of a single-record GET asks for."""
    parameters = read_query(query)
    _refuse_unknown(parameters, _RECORD_KNOWN)
    return _look(parameters, parameters)


def _options(table: Table, given: Mapping[str, Any], format_given: Mapping[str, Any]) -> ListOptions:
    _refuse_unknown(given, _KNOWN)
    _refuse_unknown(format_given, _KNOWN)
    return ListOptions(
        page_size=_limited(given, "pageSize", PAGE_SIZE_MAX) or PAGE_SIZE_MAX,
        records_max=_limited(given, "maxRecords", None),
        offset=given.get("offset") or None,
        view=_optional_text(given, "view"),
        sort=_sort(table, given.get("sort")),
        formula=_optional_text(given, "filterByFormula"),
        field_ids=_field_ids(table, given.get("fields")),
        look=_look(given, format_given),
        comment_counts=_counts_comments(given),
    )


def _refuse_unknown(given: Iterable[str], known: frozenset[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise invalid_request(f"Unknown parameter {unknown[0]}. Known here: {', '.join(sorted(known))}.")


def _whole_number(key: str, text: object) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        raise invalid_request(f"{key} must be a whole number.")
    return int(text)


def _limited(given: Mapping[str, Any], key: str, highest: int | None) -> int | None:
    value = given.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (highest is not None and value > highest):
        raise invalid_request(
            f"{key} must be a whole number of at least 1{f' and at most {highest}' if highest else ''}."
        )
    return value


def _optional_text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise invalid_request(f"{key} must be a text.")
    return value or None


def _boolean(given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    meaning = {"true": True, "1": True, "false": False, "0": False, "": False}
    value = meaning.get(value.lower(), value) if isinstance(value, str) else value
    if not isinstance(value, bool):
        raise invalid_request(f"{key} must be true or false.")
    return value


def _look(given: Mapping[str, Any], query: Mapping[str, Any]) -> Look:
    """`timeZone` and `userLocale` count in the query only, also of a POST: so both official clients send them."""
    cell_format = given.get("cellFormat", query.get("cellFormat", "json"))
    if cell_format not in ("json", "string"):
        raise invalid_request("cellFormat must be json or string.")
    return Look(
        by_field_id=_boolean(given, "returnFieldsByFieldId"),
        strings=string_format(query.get("timeZone"), query.get("userLocale")) if cell_format == "string" else None,
        with_dependencies=_boolean(given, "includeDateDependencyMetadata"),
    )


def _counts_comments(given: Mapping[str, Any]) -> bool:
    asked = _list(given.get("recordMetadata"), "recordMetadata")
    if set(asked) - {"commentCount"}:
        raise invalid_request("recordMetadata can only be commentCount.")
    return bool(asked)


def _list(value: object, key: str) -> list[str]:
    items = [] if value is None else texts_of(value)
    if items is None:
        raise invalid_request(f"{key} must be a list of texts.")
    return items


def _field_ids(table: Table, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    return tuple(_field_id(table, name) for name in _list(value, "fields"))


def _field_id(table: Table, name: str) -> str:
    field = table.fields_by_key.get(name)
    if field is None:
        raise unknown_field(name)
    return field.id


def _sort(table: Table, value: object) -> tuple[tuple[str, str], ...]:
    items = [] if value is None else list_of(value)
    if items is None or len(items) > SORT_FIELDS_MAX:
        raise invalid_request(f"sort must be a list of at most {SORT_FIELDS_MAX} objects with field and direction.")
    return tuple(_sort_key(table, item) for item in items)


def _sort_key(table: Table, item: object) -> tuple[str, str]:
    parts = object_of(item) or {}
    name, direction = parts.get("field"), parts.get("direction", "asc")
    if not isinstance(name, str) or direction not in ("asc", "desc") or parts.keys() - {"field", "direction"}:
        raise invalid_request('Each sort must be {"field": a name or id, "direction": "asc" or "desc"}.')
    return _field_id(table, name), direction
