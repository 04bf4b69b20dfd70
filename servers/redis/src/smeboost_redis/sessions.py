"""Sessions of people: a secret token for their browser, a plain id for our own tokens and lists.

Rules of this room:

- A token is `<session id>.<family>.<secret>`: 128 random bits that stay for the session's life and 256 that change at
  each rotation. Only SHA-256 digests of both are stored, so a stolen store opens no session.
- A session id (`sid`) is no secret. It begins with a digest of the user, which is also the hash tag of every key of
  that user's sessions: all of them live in one slot, and each change of them is one atomic script.
- Rotation is compare-and-set. Of many concurrent rotations one wins; the others hear `Conflict`, and their old token
  still reads for `grace_seconds`. An old token after that means that two parties hold it: the session ends
  (RFC 9700 section 4.14.2). The family proves that an old token was real, so a guess cannot end a session.
- A session ends after `ttl_seconds` without a touch, and at the latest `lifetime_seconds` after its creation.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from smeboost_shared.errors import Conflict, InvalidInput, NotAuthenticated, VendorBadAnswer

from smeboost_redis.client import RedisClient, Reply, as_bytes, as_integer, as_list, load_script
from smeboost_redis.names import checked_namespace, own_prefix

CREATE = load_script("session_create")
USE = load_script("session_use")
FIND = load_script("session_find")
REVOKE = load_script("session_revoke")

SESSIONS_PER_USER_MAX = 100
DATA_BYTES_MAX = 16_384
DATA = "data:"
"""Keeps a caller's names apart from the fields of the session."""
_PART = "[A-Za-z0-9_-]"
_SESSION_ID = re.compile(rf"({_PART}{{22}})\.{_PART}{{22}}")
_TOKEN = re.compile(rf"({_PART}{{22}}\.{_PART}{{22}})\.({_PART}{{22}})\.({_PART}{{43}})")


@dataclass(frozen=True)
class Session:
    """What is known of a signed-in person's session; holds no secret."""

    session_id: str
    user_id: str
    data: Mapping[str, str]
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """When it ends unless it is touched."""
    ends_at: datetime
    """When it ends at the latest."""


class Sessions:
    """Creates, reads, rotates and ends sessions; all methods raise `StoreUnavailable` when Redis is not there."""

    def __init__(
        self,
        client: RedisClient,
        namespace: str = "sessions",
        *,
        lifetime_seconds: float = 30 * 86_400,
        grace_seconds: float = 10,
        sessions_per_user_max: int = SESSIONS_PER_USER_MAX,
    ) -> None:
        """`lifetime_seconds` is the absolute age; above `sessions_per_user_max` the one that ends first makes room."""
        self._client = client
        self._prefix = f"{own_prefix(client.key_prefix)}{checked_namespace(namespace)}"
        self._lifetime = round(lifetime_seconds * 1000)
        self._grace = round(grace_seconds * 1000)
        self._per_user_max = sessions_per_user_max

    async def create(self, user_id: str, data: Mapping[str, str], ttl_seconds: float) -> tuple[str, Session]:
        """Start a session; the token is shown only here.

        Raises:
            InvalidInput: empty user, a duration of nothing, or more data than 16 KiB.
        """
        idle = round(ttl_seconds * 1000)
        if idle < 1:
            raise InvalidInput("A session's ttl_seconds must be positive.")
        pairs = _pairs(data)
        tag = _user_tag(user_id)
        session_id = f"{tag}.{_random(16)}"
        family, secret = _random(16), _random(32)
        reply = await self._client.run(
            CREATE,
            [self._key(session_id), self._index(tag)],
            [session_id, _digest(secret), _digest(family), user_id, idle, self._lifetime, self._per_user_max, *pairs],
        )
        fields, expires, evicted = as_list(reply)
        for surplus in as_list(evicted):
            await self.revoke_by_id(as_bytes(surplus).decode())
        session = _session(session_id, fields, as_integer(expires))
        return f"{session_id}.{family}.{secret}", session

    async def read(self, token: str) -> Session | None:
        """The session of `token`, or None when it is not (or no longer) valid. An old token ends the session."""
        outcome, session = await self._use(token, "read")
        return session if outcome == b"ok" else None

    async def touch(self, token: str) -> Session | None:
        """Like `read`, and the session lives on for its `ttl_seconds` from now."""
        outcome, session = await self._use(token, "touch")
        return session if outcome == b"ok" else None

    async def rotate(self, token: str) -> str:
        """A new token for the session; `token` is of no use after the grace.

        Raises:
            NotAuthenticated: the token is not valid; if it was an old one, the session has been ended.
            Conflict: another caller rotated this token a moment ago and holds the new one.
        """
        secret = _random(32)
        outcome, session = await self._use(token, "rotate", _digest(secret))
        if outcome == b"late":
            raise Conflict("The session was refreshed a moment ago; use its newest token.")
        if outcome == b"reused":
            raise NotAuthenticated("An old session token was used again, so the session was ended. Sign in again.")
        if session is None:
            raise NotAuthenticated("The session has ended. Sign in again.")
        return f"{token.rsplit('.', 1)[0]}.{secret}"

    async def revoke(self, token: str) -> bool:
        """End the session of `token`; whether there was one to end."""
        session = await self.read(token)
        return session is not None and await self.revoke_by_id(session.session_id)

    async def revoke_all(self, user_id: str, *, keep: str | None = None) -> int:
        """End every session of a user, except the one with the id `keep`; how many were ended."""
        tag = _user_tag(user_id)
        members = as_list(await self._client.execute("ZRANGE", self._index(tag), 0, -1, repeatable=True))
        found = [session_id for session_id in (as_bytes(one).decode() for one in members) if session_id != keep]
        if not found:
            return 0
        keys = [self._index(tag), *(self._key(session_id) for session_id in found)]
        return as_integer(await self._client.run(REVOKE, keys, found))

    async def list(self, user_id: str) -> tuple[Session, ...]:
        """The live sessions of a user, the one that ends last first."""
        tag = _user_tag(user_id)
        index = self._index(tag)
        scored = as_list(await self._client.execute("ZRANGE", index, 0, -1, "REV", "WITHSCORES", repeatable=True))
        ends = {as_bytes(scored[at]).decode(): int(as_bytes(scored[at + 1])) for at in range(0, len(scored), 2)}
        if not ends:
            return ()
        found = await self._client.execute_many([("HGETALL", self._key(session_id)) for session_id in ends])
        gone = [session_id for session_id, fields in zip(ends, found, strict=True) if not fields]
        if gone:
            await self._client.execute("ZREM", index, *gone)
        pairs = zip(ends.items(), found, strict=True)
        return tuple(_session(session_id, fields, expires) for (session_id, expires), fields in pairs if fields)

    async def read_by_id(self, session_id: str) -> Session | None:
        """The session with this id (a signed token's `sid`), or None."""
        return await self._find(session_id, "read")

    async def touch_by_id(self, session_id: str) -> Session | None:
        """Like `read_by_id`, and the session lives on."""
        return await self._find(session_id, "touch")

    async def update_by_id(self, session_id: str, data: Mapping[str, str]) -> Session | None:
        """Set some of a session's data, or None when it has ended."""
        return await self._find(session_id, "set", _pairs(data))

    async def revoke_by_id(self, session_id: str) -> bool:
        """End the session with this id; whether there was one to end."""
        tag = _tag_of(session_id)
        if tag is None:
            return False
        return await self._client.run(REVOKE, [self._index(tag), self._key(session_id)], [session_id]) == 1

    async def _use(self, token: str, action: str, new_digest: str = "") -> tuple[bytes, Session | None]:
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return b"gone", None
        session_id, family, secret = parts.groups()
        keys = [self._key(session_id), self._index(session_id[:22])]
        arguments = [session_id, _digest(secret), _digest(family), self._grace, action, new_digest]
        return _outcome(session_id, await self._client.run(USE, keys, arguments))

    async def _find(self, session_id: str, action: str, pairs: Sequence[str] = ()) -> Session | None:
        tag = _tag_of(session_id)
        if tag is None:
            return None
        keys = [self._key(session_id), self._index(tag)]
        return _outcome(session_id, await self._client.run(FIND, keys, [session_id, action, *pairs]))[1]

    def key_of(self, session_id: str) -> str | None:
        """Where the session with this id lies, or None when it is no session's id."""
        return None if _tag_of(session_id) is None else self._key(session_id)

    def _key(self, session_id: str) -> str:
        tag, _, rest = session_id.partition(".")
        return f"{self._prefix}:{{{tag}}}:session:{rest}"

    def _index(self, tag: str) -> str:
        return f"{self._prefix}:{{{tag}}}:sessions"


def _outcome(session_id: str, reply: Reply) -> tuple[bytes, Session | None]:
    name, *rest = as_list(reply)
    if not rest:
        return as_bytes(name), None
    return as_bytes(name), _session(session_id, rest[0], as_integer(rest[1]))


def _session(session_id: str, reply: Reply, expires: int) -> Session:
    flat = [as_bytes(one).decode() for one in as_list(reply)]
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    try:
        return Session(
            session_id=session_id,
            user_id=fields["user"],
            data={name.removeprefix(DATA): text for name, text in fields.items() if name.startswith(DATA)},
            created_at=_moment(fields["created"]),
            last_seen_at=_moment(fields["seen"]),
            expires_at=_moment(expires),
            ends_at=_moment(fields["ends"]),
        )
    except (KeyError, ValueError) as exc:
        raise VendorBadAnswer("A stored session is damaged.", hint="Revoke it and sign in again.") from exc


def _pairs(data: Mapping[str, str]) -> list[str]:
    pairs = [part for name, text in data.items() for part in (DATA + name, text)]
    if sum(len(part.encode()) for part in pairs) > DATA_BYTES_MAX:
        raise InvalidInput(f"A session keeps at most {DATA_BYTES_MAX} bytes of data.")
    return pairs


def _moment(milliseconds: str | int) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _random(size: int) -> str:
    return _text(secrets.token_bytes(size))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _user_tag(user_id: str) -> str:
    if not user_id:
        raise InvalidInput("A session needs a user_id.")
    return _text(hashlib.sha256(user_id.encode()).digest()[:16])


def _tag_of(session_id: str) -> str | None:
    parts = _SESSION_ID.fullmatch(session_id)
    return parts.group(1) if parts else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
