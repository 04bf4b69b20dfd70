"""Names of buckets and objects, kinds of content, and sizes as text.

Rules of this room:

- The characters are those that S3 calls safe, in ASCII (the original refuses any other letter).
- Segments `.` and `..` are refused, though nothing here becomes a path: a client would fold them to another name.
"""

import re

from smeboost_emulators.supabase.storage.errors import StorageFailure, invalid_key, invalid_request

KEY_MAX_LENGTH = 1024
BUCKET_MAX_LENGTH = 63
MIME_TYPE_MAX_LENGTH = 255
_KEY = re.compile(r"[\w/!\-.*'() &$@=;:+,?]+", re.ASCII)
_BUCKET = re.compile(r"[\w!\-.*'() &$@=;:+,?]+", re.ASCII)
_MIME_TYPE = re.compile(r"[a-zA-Z0-9\-+.]+/([a-zA-Z0-9\-+.]+|\*)|\*/\*|\*")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(gb|mb|kb|b)", re.IGNORECASE | re.ASCII)
_UNITS = {"gb": 10**9, "mb": 10**6, "kb": 10**3, "b": 1}


def checked_key(key: str) -> str:
    """The name of an object.

    Raises:
        StorageFailure: InvalidKey.
    """
    if len(key) > KEY_MAX_LENGTH or not _KEY.fullmatch(key) or {".", ".."} & set(key.split("/")):
        raise invalid_key(key[:KEY_MAX_LENGTH].encode(errors="replace").decode())
    return key


def checked_bucket(name: str) -> str:
    """The name of a bucket.

    Raises:
        StorageFailure: InvalidBucketName.
    """
    if len(name) > BUCKET_MAX_LENGTH or not _BUCKET.fullmatch(name) or name != name.strip():
        raise StorageFailure(400, "InvalidBucketName", "Bucket name invalid", error="Invalid Input")
    return name


def checked_mime_types(types: list[str] | None) -> list[str] | None:
    """What a bucket may be told to take: `image/png`, `image/*`, `*`.

    Raises:
        StorageFailure: 422 invalid_mime_type.
    """
    for one in types or []:
        if len(one) > MIME_TYPE_MAX_LENGTH or not _MIME_TYPE.fullmatch(one):
            message = f'the requested mime type "{one[:MIME_TYPE_MAX_LENGTH]}" is invalid'
            raise StorageFailure(422, "InvalidMimeType", message, error="invalid_mime_type")
    return types


def takes(allowed: list[str] | None, mime_type: str) -> bool:
    """Whether a bucket takes content of this type; parameters such as a charset do not matter."""
    bare = mime_type.partition(";")[0].strip().lower()
    family = bare.partition("/")[0]
    return not allowed or any(one.lower() in {bare, f"{family}/*", "*", "*/*"} for one in allowed)


def checked_header(name: str, value: str) -> str:
    """A value that will be sent as a header one day.

    Raises:
        StorageFailure: it has a character that a header may not have.
    """
    if len(value) > KEY_MAX_LENGTH or not _PRINTABLE.fullmatch(value):
        raise invalid_request(f'Invalid character in response header "{name}"')
    return value


def size_in_bytes(size: float | str) -> int:
    """A size, as a number of bytes or as text such as `20MB`.

    Raises:
        StorageFailure: it is neither.
    """
    if isinstance(size, str):
        found = _SIZE.fullmatch(size)
        if not found:
            raise invalid_request("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")
        return round(float(found[1]) * _UNITS[found[2].lower()])
    return round(size)
