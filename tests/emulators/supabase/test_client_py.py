"""The official client for Python, unmodified: the same story with its synchronous and its asynchronous half."""

import asyncio
import inspect
import os
import ssl
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx
import pytest
from postgrest.exceptions import APIError
from pyotp.totp import TOTP
from storage3.exceptions import StorageApiError
from supabase_auth.errors import AuthApiError

from supabase import AsyncClientOptions, ClientOptions, acreate_client, create_client

PASSWORD = "correct horse"
MANY = 50
LARGE_BYTES = 200_000_000
LARGE_SECONDS_MAX = 60
# Loading the authorities' certificates for every client takes longer than a test.
TLS = ssl.create_default_context()


async def done(value):
    """The result of a call, whichever half of the client was called."""
    return await value if inspect.isawaitable(value) else value


async def fetch(url):
    """What a browser without any key gets."""
    async with httpx.AsyncClient(verify=TLS) as browser:
        return await browser.get(url)


@pytest.fixture(params=["sync", "async"])
async def new_client(request, supabase_backend):
    """A factory of official clients of one half, which share their connections."""
    with httpx.Client(timeout=20, verify=TLS) as blocking:
        async with httpx.AsyncClient(timeout=20, verify=TLS) as waiting:

            async def make(key=None, *, backend=supabase_backend, **options):
                given: dict[str, Any] = {"auto_refresh_token": False, **options}
                if request.param == "sync":
                    chosen = ClientOptions(httpx_client=blocking, **given)
                    return create_client(backend.url, key or backend.anon_key, chosen)
                chosen = AsyncClientOptions(httpx_client=waiting, **given)
                return await acreate_client(backend.url, key or backend.anon_key, chosen)

            yield make


@pytest.fixture
def enter(new_client, person):
    """A factory of clients that are signed in as somebody new."""

    async def make():
        somebody = person()
        client = await new_client()
        await done(client.auth.sign_in_with_password({"email": somebody.email, "password": somebody.password}))
        return client

    return make


async def test_a_person_signs_up_in_and_out(new_client, mailing_backend, mails_to, new_email):
    email = new_email()
    client = await new_client(backend=mailing_backend)
    waiting = await done(client.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"n": 1}}}))
    code = mails_to(mailing_backend, email)[0]["code"]
    confirmed = await done(client.auth.verify_otp({"email": email, "token": code, "type": "email"}))
    first = await done(client.auth.get_session())
    second = (await done(client.auth.refresh_session())).session
    claims = (await done(client.auth.get_claims()))["claims"]
    changed = await done(client.auth.update_user({"data": {"n": 2}}))
    user = (await done(client.auth.get_user())).user
    await done(client.auth.sign_out())

    assert (waiting.session, confirmed.user.email) == (None, email)
    assert first.refresh_token != second.refresh_token
    assert (claims["sub"], claims["aal"], claims["user_metadata"]["n"]) == (user.id, "aal1", 1)
    assert (changed.user.user_metadata["n"], user.user_metadata["n"]) == (2, 2)
    assert await done(client.auth.get_session()) is None
    with pytest.raises(AuthApiError) as refused:
        await done(client.auth.refresh_session(second.refresh_token))
    assert refused.value.code == "refresh_token_not_found"


async def test_a_second_factor_raises_a_session(enter):
    client = await enter()
    factor = await done(client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"}))
    challenge = await done(client.auth.mfa.challenge({"factor_id": factor.id}))
    code = TOTP(factor.totp.secret).now()
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    with pytest.raises(AuthApiError) as refused:
        await done(client.auth.mfa.verify({"factor_id": factor.id, "challenge_id": challenge.id, "code": wrong}))
    await done(client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": TOTP(factor.totp.secret).now()}))
    level = await done(client.auth.mfa.get_authenticator_assurance_level())
    listed = await done(client.auth.mfa.list_factors())
    removed = await done(client.auth.mfa.unenroll({"factor_id": factor.id}))

    assert refused.value.code == "mfa_verification_failed"
    assert (level.current_level, level.next_level) == ("aal2", "aal2")
    assert [one.friendly_name for one in listed.totp] == ["phone"]
    assert removed.id == factor.id


async def test_links_and_codes_come_by_mail(new_client, mailing_backend, mails_to, new_email):
    email = new_email()
    mailing_backend.create_user(email, PASSWORD)
    client = await new_client(backend=mailing_backend, flow_type="pkce")
    await done(client.auth.sign_in_with_otp({"email": email}))
    followed = await fetch(mails_to(mailing_backend, email)[0]["link"])
    code = dict(parse_qsl(urlsplit(followed.headers["location"]).query))["code"]
    exchanged = await done(client.auth.exchange_code_for_session({"auth_code": code}))
    plain = await new_client(backend=mailing_backend)
    await done(plain.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}}))
    token = mails_to(mailing_backend, email)[0]["code"]
    signed_in = await done(plain.auth.verify_otp({"email": email, "token": token, "type": "email"}))

    assert (exchanged.user.email, signed_in.user.email) == (email, email)
    with pytest.raises(AuthApiError) as refused:
        await done(plain.auth.verify_otp({"email": email, "token": token, "type": "email"}))
    assert refused.value.code == "otp_expired"


async def test_an_administrator_keeps_people(new_client, supabase_backend, new_email):
    email = new_email()
    admin = (await new_client(supabase_backend.service_role_key)).auth.admin
    made = await done(admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True}))
    changed = await done(admin.update_user_by_id(made.user.id, {"app_metadata": {"team": "red"}}))
    link = await done(admin.generate_link({"type": "magiclink", "email": email}))
    client = await new_client()
    entered = await done(client.auth.verify_otp({"token_hash": link.properties.hashed_token, "type": "email"}))
    listed = await done(admin.list_users(page=1, per_page=1))
    await done(admin.sign_out(entered.session.access_token, "global"))
    await done(admin.delete_user(made.user.id))

    assert (changed.user.app_metadata["team"], entered.user.id, len(listed)) == ("red", made.user.id, 1)
    with pytest.raises(AuthApiError) as refused:
        await done(admin.get_user_by_id(made.user.id))
    assert refused.value.code == "user_not_found"


async def test_two_people_see_only_their_rows(enter, notes):
    ada, ben = await enter(), await enter()
    note = (await done(ada.table(notes).insert({"body": "of Ada"}).execute())).data[0]
    await done(ben.table(notes).insert({"body": "of Ben"}).execute())
    stolen = await done(ben.table(notes).update({"body": "x"}).eq("id", note["id"]).execute())
    removed = await done(ben.table(notes).delete().eq("id", note["id"]).execute())
    with pytest.raises(APIError) as forged:
        await done(ben.table(notes).insert({"body": "x", "owner": note["owner"]}).execute())

    assert (stolen.data, removed.data, forged.value.code) == ([], [], "42501")
    assert (await done(ada.table(notes).select("body").execute())).data == [{"body": "of Ada"}]
    assert (await done(ben.table(notes).select("body").execute())).data == [{"body": "of Ben"}]


FILTERS = {
    "eq": (lambda q: q.eq("title", 'Hamlet, "Prince" (1)'), [1]),
    "neq": (lambda q: q.neq("id", 1), [2, 3, 4]),
    "gt": (lambda q: q.gt("year", 1600), [2, 3]),
    "gte": (lambda q: q.gte("year", 1600), [1, 2, 3]),
    "lt": (lambda q: q.lt("year", 1606), [1, 2]),
    "lte": (lambda q: q.lte("year", 1600), [1]),
    "is": (lambda q: q.is_("year", None), [4]),
    "like": (lambda q: q.like("title", "%eth"), [3]),
    "like_all": (lambda q: q.like_all_of("title", "M%,%eth"), [3]),
    "like_any": (lambda q: q.like_any_of("title", "M%,O%"), [2, 3]),
    "ilike": (lambda q: q.ilike("title", "mac%"), [3]),
    "ilike_all": (lambda q: q.ilike_all_of("title", "m%,%ETH"), [3]),
    "ilike_any": (lambda q: q.ilike_any_of("title", "m%,o%"), [2, 3]),
    "or": (lambda q: q.or_("id.eq.1,and(id.gt.1,staged.is.false)"), [1, 2]),
    "not": (lambda q: q.not_.is_("year", None).not_.eq("id", 1), [2, 3]),
    "in": (lambda q: q.in_("title", ["Othello, the (Moor)", "Macbeth"]), [2, 3]),
    "fts": (lambda q: q.fts("words", "ghost"), [4]),
    "plfts": (lambda q: q.plfts("words", "ghost castle"), [4]),
    "phfts": (lambda q: q.phfts("words", "the castle"), [4]),
    "wfts": (lambda q: q.wfts("words", "witch or ghost"), [4]),
    "text_search": (lambda q: q.text_search("words", "ghost", {"type": "plain", "config": "english"}), [4]),
    "cs": (lambda q: q.cs("tags", ["sad"]), [1, 2]),
    "cd": (lambda q: q.cd("tags", ["sad", "long", "short"]), [1, 2, 3]),
    "contains": (lambda q: q.contains("data", {"acts": 5}), [1, 2]),
    "contained_by": (lambda q: q.contained_by("tags", ["sad", "long"]), [1, 2]),
    "ov": (lambda q: q.ov("tags", ["short", "funny"]), [3]),
    "overlaps": (lambda q: q.overlaps("tags", ["long"]), [1]),
    "sl": (lambda q: q.sl("run", (10, 20)), [1, 2]),
    "sr": (lambda q: q.sr("run", (1, 5)), [2, 3]),
    "nxl": (lambda q: q.nxl("run", (5, 8)), [3]),
    "nxr": (lambda q: q.nxr("run", (1, 11)), [1, 2]),
    "adj": (lambda q: q.adj("run", (10, 20)), [3]),
    "match": (lambda q: q.match({"year": 1600, "staged": "true"}), [1]),
    "filter": (lambda q: q.filter("data->>acts", "eq", "5"), [1, 2]),
}


async def test_every_filter_finds_its_rows(new_client, theatre):
    client = await new_client(theatre.service_role_key, backend=theatre)
    found = {}
    for name, (narrowed, _) in FILTERS.items():
        answer = await done(narrowed(client.table("plays").select("id")).order("id").execute())
        found[name] = [row["id"] for row in answer.data]

    assert found == {name: expected for name, (_, expected) in FILTERS.items()}


async def test_answers_come_in_every_form(new_client, theatre):
    client = await new_client(theatre.service_role_key, backend=theatre)
    plays = client.table("plays")

    async def ask(query):
        return await done(query.execute())

    page = await ask(plays.select("id", count="exact").order("year", desc=True, nullsfirst=True).range(1, 2))
    head = await ask(plays.select("*", count="exact", head=True))
    embedded = await ask(plays.select("id, roles!inner(name), actors(name)").eq("roles.name", "Ghost"))
    spread = await ask(client.table("roles").select("name, ...plays(since:year)").eq("id", 1))
    counted = await ask(plays.select("id, roles(count)").eq("id", 1))
    letters = client.table("letters")
    hinted = await ask(letters.select("id, sender:actors!sender_id(name)"))
    text = await ask(plays.select("id, year").lte("id", 2).order("id").csv())

    assert ([row["id"] for row in page.data], page.count, head.count) == ([3, 2], 4, 4)
    assert embedded.data == [{"id": 1, "roles": [{"name": "Ghost"}], "actors": [{"name": "Ada"}, {"name": "Ben"}]}]
    assert spread.data == [{"name": "Hamlet", "since": 1600}]
    assert counted.data == [{"id": 1, "roles": [{"count": 2}]}]
    assert hinted.data == [{"id": 1, "sender": {"name": "Ada"}}]
    assert text.data == "id,year\n1,1600\n2,1603"
    assert (await ask(plays.select("id").eq("id", 1).single())).data == {"id": 1}
    assert (await ask(plays.select("id").eq("id", 1).maybe_single())).data == {"id": 1}
    assert await ask(plays.select("id").eq("id", 99).maybe_single()) is None
    assert (await ask(client.rpc("add", {"a": 1, "b": 2}))).data == 3
    assert [row["id"] for row in (await ask(client.rpc("plays_after", {"start": 1600}).order("id"))).data] == [2, 3]
    assert "Scan on plays" in await ask(plays.select("id").explain())
    for query, code in [
        (plays.select("id").single(), "PGRST116"),
        (plays.select("nothing"), "42703"),
        (letters.select("id, actors(name)"), "PGRST201"),
        (client.rpc("refuse"), "P0001"),
        (client.table("playz").select("*", head=True), "PGRST205"),
    ]:
        with pytest.raises(APIError) as refused:
            await ask(query)
        assert refused.value.code == code


async def test_rows_are_written_in_every_way(new_client, theatre):
    client = await new_client(theatre.service_role_key, backend=theatre)
    fruit = client.table("fruit")
    prefix = uuid4().hex

    async def ask(query):
        return (await done(query.execute())).data

    apple, pear = f"{prefix} apple", f"{prefix} pear"
    assert await ask(fruit.insert({"name": apple, "price": 1})) == [{"name": apple, "price": 1}]
    assert await ask(fruit.insert({"name": f"{prefix} fig"}, returning="minimal")) == []
    assert await ask(fruit.insert([{"name": f"{prefix} kiwi"}], default_to_null=False)) == [
        {"name": f"{prefix} kiwi", "price": 4}
    ]
    assert await ask(fruit.upsert([{"name": apple, "price": 5}, {"name": pear, "price": 3}])) == [
        {"name": apple, "price": 5},
        {"name": pear, "price": 3},
    ]
    assert await ask(fruit.upsert({"name": apple, "price": 9}, on_conflict="name", ignore_duplicates=True)) == []
    assert await ask(fruit.update({"price": 6}).eq("name", apple)) == [{"name": apple, "price": 6}]
    for query, code in [
        (fruit.insert({"name": apple}), "23505"),
        (fruit.delete().like("name", f"{prefix}%").max_affected(1), "PGRST124"),
    ]:
        with pytest.raises(APIError) as refused:
            await ask(query)
        assert refused.value.code == code
    assert len(await ask(fruit.delete().like("name", f"{prefix}%"))) == 4


async def test_files_go_and_come_back(new_client, supabase_backend, enter, own_folders):
    ada, ben = await enter(), await enter()
    folder = (await done(ada.auth.get_user())).user.id
    bucket, theirs = ada.storage.from_(own_folders), ben.storage.from_(own_folders)
    for size in (1, 4097, 20_000_000):
        content = os.urandom(size)
        await done(bucket.upload(f"{folder}/{size}", content, {"content-type": "application/x-test"}))
        assert await done(bucket.download(f"{folder}/{size}")) == content
    with pytest.raises(StorageApiError) as twice:
        await done(bucket.upload(f"{folder}/1", b"x"))
    await done(bucket.update(f"{folder}/1", b"y"))
    listed = await done(bucket.list(folder, {"sortBy": {"column": "name", "order": "desc"}, "limit": 2}))
    link = (await done(bucket.create_signed_url(f"{folder}/1", 60)))["signedURL"]
    links = await done(bucket.create_signed_urls([f"{folder}/1", f"{folder}/none"], 60))
    permit = await done(bucket.create_signed_upload_url(f"{folder}/link"))
    anonymous = (await new_client()).storage.from_(own_folders)
    await done(anonymous.upload_to_signed_url(permit["path"], permit["token"], b"by link"))
    await done(bucket.move(f"{folder}/link", f"{folder}/moved"))
    await done(bucket.copy(f"{folder}/moved", f"{folder}/copied"))
    info = await done(bucket.info(f"{folder}/copied"))
    with pytest.raises(StorageApiError):
        await done(theirs.download(f"{folder}/1"))
    with pytest.raises(StorageApiError) as denied:
        await done(theirs.upload(f"{folder}/x", b"x"))

    assert (twice.value.code, denied.value.code) == ("Duplicate", "Unauthorized")
    assert [one["name"] for one in listed] == ["4097", "20000000"]
    assert (await fetch(link)).content == b"y"
    assert [bool(one["error"]) for one in links] == [False, True]
    assert await done(bucket.download(f"{folder}/copied")) == b"by link"
    assert (info["size"], await done(bucket.exists(f"{folder}/link"))) == (7, False)
    assert await done(theirs.list(folder)) == []
    assert await done(theirs.remove([f"{folder}/1"])) == []
    removed = await done(bucket.remove([f"{folder}/1", f"{folder}/none"]))
    assert [one["name"] for one in removed] == [f"{folder}/1"]


@pytest.fixture(scope="module")
def strict_backend(start_supabase_backend, new_database):
    """Large files, and no interval in which a refresh token may be used twice."""
    with start_supabase_backend(
        new_database(), refresh_token_reuse_seconds=0, file_size_limit_bytes=LARGE_BYTES, refresh_wait_seconds=30
    ) as backend:
        yield backend


def test_a_file_of_200_megabytes_goes_and_comes_back(strict_backend):
    with httpx.Client(timeout=LARGE_SECONDS_MAX, verify=TLS) as http:
        options = ClientOptions(httpx_client=http)
        storage = create_client(strict_backend.url, strict_backend.service_role_key, options).storage
        storage.create_bucket("large")
        content = os.urandom(1_000_000) * (LARGE_BYTES // 1_000_000)
        storage.from_("large").upload("one", content)

        assert storage.from_("large").download("one") == content


async def test_many_refreshes_at_once_and_a_theft(new_client, strict_backend, new_email):
    email = new_email()
    strict_backend.create_user(email, PASSWORD)
    owner = await new_client(backend=strict_backend)
    signed_in = await done(owner.auth.sign_in_with_password({"email": email, "password": PASSWORD}))
    stolen = signed_in.session.refresh_token
    clients = [await new_client(backend=strict_backend) for _ in range(MANY)]

    async def refresh(client):
        if inspect.iscoroutinefunction(client.auth.refresh_session):
            return await client.auth.refresh_session(stolen)
        return await asyncio.to_thread(client.auth.refresh_session, stolen)

    answers = await asyncio.gather(*map(refresh, clients))
    assert {answer.user.email for answer in answers} == {email}
    assert len({answer.session.refresh_token for answer in answers}) == 1
    for _ in range(2):
        await done(clients[0].auth.refresh_session())
    seen = []
    # The thief comes late, so nobody can tell who is who: the whole family ends.
    for client, token in ((clients[1], stolen), (clients[0], None)):
        with pytest.raises(AuthApiError) as refused:
            await done(client.auth.refresh_session(token))
        seen.append(refused.value.code)
    assert seen == ["refresh_token_already_used", "refresh_token_already_used"]
