"""Bodies of requests, understood."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request

from smeboost_emulators.intake import BodyRefused, read_body
from smeboost_emulators.supabase.storage.errors import invalid_request, too_large

EXPIRY_MAX_SECONDS = 10 * 365 * 24 * 3600
TEXT_MAX_LENGTH = 4096
Model = TypeVar("Model", bound="Body")


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("has a character that cannot be stored")
    return text


def _number(value: object) -> object:
    """The official client for Python sends numbers as text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19 else value


Text = Annotated[str, Field(max_length=TEXT_MAX_LENGTH), AfterValidator(_storable)]
Number = Annotated[int, BeforeValidator(_number)]
Order = Literal["asc", "desc"]


class Body(BaseModel):
    """What all bodies have in common: the original passes over keys that it does not know."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class BucketBody(Body):
    """A bucket, or what of it shall change."""

    id: Text | None = None
    name: Text | None = None
    public: bool | None = None
    file_size_limit: Annotated[float, Field(ge=0, le=2**53)] | Text | None = None
    allowed_mime_types: Annotated[list[Text], Field(max_length=200)] | None = None
    type: Literal["STANDARD", "ANALYTICS", "VECTOR"] | None = None


class Sort(Body):
    """How a listing is ordered."""

    column: Literal["name", "created_at", "updated_at", "last_accessed_at"] | None = None
    order: Order | None = None


class ListBody(Body):
    """A page of a folder, by its offset."""

    prefix: Text
    limit: Annotated[Number, Field(ge=1, le=2**31)] = 100
    offset: Annotated[Number, Field(ge=0, le=2**31)] = 0
    search: Text = ""
    sort: Sort = Field(Sort(), alias="sortBy")


class SortV2(Body):
    """How a listing by cursor is ordered."""

    column: Literal["name", "created_at", "updated_at"] = "name"
    order: Order = "asc"


class ListV2Body(Body):
    """A page of what begins with a prefix, by its cursor."""

    prefix: Text = ""
    limit: Annotated[Number, Field(ge=1, le=2**31)] = 1000
    cursor: Text | None = None
    with_delimiter: bool = False
    sort: SortV2 = Field(SortV2(), alias="sortBy")


class SignBody(Body):
    """A link to one object."""

    expires_in: Annotated[Number, Field(ge=1, le=EXPIRY_MAX_SECONDS, alias="expiresIn")]
    transform: dict[str, Any] | None = None


class SignManyBody(SignBody):
    """Links to several."""

    paths: Annotated[list[Text], Field(min_length=1)]


class RemoveBody(Body):
    """Names of objects to remove."""

    prefixes: Annotated[list[Text], Field(min_length=1)]


class CopiedMetadata(Body):
    """What a copy is sent with."""

    cache_control: Text | None = Field(None, alias="cacheControl")
    mimetype: Text | None = None


class TransferBody(Body):
    """From where to where."""

    bucket: Text = Field(alias="bucketId")
    source: Text = Field(alias="sourceKey")
    destination: Text = Field(alias="destinationKey")
    destination_bucket: Text | None = Field(None, alias="destinationBucket")
    copy_metadata: bool = Field(True, alias="copyMetadata")
    metadata: CopiedMetadata | None = None


async def body_of(request: Request, kind: type[Model], *, limit_bytes: int) -> Model:
    """The JSON body of a request.

    Raises:
        StorageFailure: InvalidRequest with what is wrong and where; EntityTooLarge.
    """
    try:
        raw = await read_body(request, limit_bytes=limit_bytes)
    except BodyRefused as exc:
        raise (too_large("body") if exc.status == 413 else invalid_request(str(exc))) from None
    try:
        return kind.model_validate(json.loads(raw or b"{}"))
    except ValidationError as exc:
        raise invalid_request(_sentence(exc)) from None
    except (ValueError, RecursionError):
        raise invalid_request("Body is not valid JSON") from None


def _sentence(exc: ValidationError) -> str:
    first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    place = "/".join(str(part)[:100] for part in first["loc"])
    if first["type"] == "missing":
        return f"body must have required property '{place}'"
    return f"body/{place} {first['msg'][0].lower()}{first['msg'][1:]}"
