"""Tools for hashes: one key with named fields."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.errors import FieldProblem, TooLarge
from smeboost_shared.toolkit import DELETE, READ, UPDATE

from smeboost_redis.arguments import FIELDS_MAX, Cursor, FieldName, KeyName, PageSize, Text, TtlSeconds
from smeboost_redis.binary import to_bytes
from smeboost_redis.client import Part, RedisClient, WrongType, as_integer, as_list, load_script
from smeboost_redis.models import HashDeleted, HashFields, HashWritten
from smeboost_redis.names import KeyNames
from smeboost_redis.reading import Texts, affordable, read_facts, scan_elements, wrong_type
from smeboost_redis.writing import check_size, milliseconds

HASH_SET = load_script("hash_set")
FieldNames = Annotated[list[FieldName], Field(min_length=1, max_length=FIELDS_MAX, description="Names of fields")]


def register(mcp: FastMCP, client: RedisClient) -> None:
    """Offer the tools of this family."""
    names = KeyNames(client.key_prefix)

    @mcp.tool(annotations=READ, title="Get hash")
    async def get_hash(
        key: KeyName, fields: FieldNames | None = None, count: PageSize = 100, cursor: Cursor = None
    ) -> HashFields:
        """Read some fields of a hash, or all of them page by page. `missing` names those that are not there."""
        raw = names.key(key)
        try:
            if fields is not None:
                return await read_fields(client, raw, key, fields)
            return await read_all(client, raw, key, count, cursor)
        except WrongType:
            raise await wrong_type(client, raw, key, "hash") from None

    @mcp.tool(annotations=UPDATE, title="Set hash fields")
    async def set_hash_fields(
        key: KeyName,
        fields: Annotated[dict[FieldName, Text], Field(min_length=1, max_length=FIELDS_MAX)],
        ttl_seconds: Annotated[
            TtlSeconds | None, Field(description="Lifetime of the whole hash; null: as it is")
        ] = None,
    ) -> HashWritten:
        """Set fields of a hash and leave its other fields; makes the hash if there is none."""
        raw = names.key(key)
        pairs = [part for name, text in fields.items() for part in (to_bytes(name, "fields"), to_bytes(text, "fields"))]
        check_size(client, b"".join(pairs), "fields")
        lifetime = 0 if ttl_seconds is None else milliseconds(ttl_seconds)
        try:
            added, size = as_list(await client.run(HASH_SET, [raw], [lifetime, *pairs]))
        except WrongType:
            raise await wrong_type(client, raw, key, "hash") from None
        return HashWritten(key=key, added=as_integer(added), size=as_integer(size))

    @mcp.tool(annotations=DELETE, title="Delete hash fields")
    async def delete_hash_fields(key: KeyName, fields: FieldNames) -> HashDeleted:
        """Delete fields of a hash; the key goes with its last field."""
        raw = names.key(key)
        try:
            reply = await client.execute("HDEL", raw, *(to_bytes(name, "fields") for name in fields))
        except WrongType:
            raise await wrong_type(client, raw, key, "hash") from None
        return HashDeleted(key=key, deleted=as_integer(reply))


async def read_fields(client: RedisClient, key: bytes, name: str, fields: list[str]) -> HashFields:
    """Named fields; their lengths are looked at before they are fetched."""
    wanted: list[Part] = [to_bytes(field, "fields") for field in fields]
    size, *lengths = await client.execute_many([("HLEN", key), *(("HSTRLEN", key, field) for field in wanted)])
    limit = client.settings.value_bytes_max
    if sum(map(as_integer, lengths)) > limit:
        problem = FieldProblem(field="fields", message=f"hold more than {limit} bytes together; ask for fewer")
        raise TooLarge("The fields are too large.", errors=[problem], hint="REDIS_VALUE_BYTES_MAX sets the limit.")
    found = as_list(await client.execute("HMGET", key, *wanted, repeatable=True))
    texts = Texts()
    pairs = list(zip(fields, found, strict=True))
    present = {field: texts.read(value) for field, value in pairs if value is not None}
    absent = [field for field, value in pairs if value is None]
    return HashFields(key=name, size=as_integer(size), fields=present, missing=absent, shortened=texts.shortened)


async def read_all(client: RedisClient, key: bytes, name: str, count: int, cursor: str | None) -> HashFields:
    """A page of all fields."""
    facts = await read_facts(client, key, name)
    if facts.type != "hash":
        raise WrongType
    texts = Texts()
    flat, following = await scan_elements(client, "HSCAN", key, affordable(facts, count), cursor)
    fields = texts.read_pairs(flat)
    return HashFields(key=name, size=facts.size, fields=fields, shortened=texts.shortened, cursor=following)
