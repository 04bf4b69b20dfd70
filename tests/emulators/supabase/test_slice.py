"""The slice: sign in with the official client, and read and write a table as that person."""


def test_a_person_signs_up_and_reads_what_they_wrote(client_for, new_email, notes):
    client = client_for()

    signed_up = client.auth.sign_up({"email": new_email(), "password": "secret-1"})
    written = client.table(notes).insert({"body": "mine"}).execute()
    read = client.table(notes).select("*", count="exact").execute()

    assert signed_up.session is not None
    assert written.data[0]["owner"] == signed_up.user.id
    assert read.data == written.data
    assert read.count == 1


def test_two_people_see_only_their_own_rows(signed_in, notes):
    first, second = signed_in(), signed_in()

    first.table(notes).insert([{"body": "a"}, {"body": "b"}]).execute()
    second.table(notes).insert({"body": "c"}).execute()

    assert [row["body"] for row in first.table(notes).select("body").order("id").execute().data] == ["a", "b"]
    assert second.table(notes).select("body").execute().data == [{"body": "c"}]


def test_nobody_in_particular_sees_no_rows(client_for, signed_in, notes):
    signed_in().table(notes).insert({"body": "a"}).execute()

    assert client_for().table(notes).select("*").execute().data == []


def test_the_service_role_sees_every_row(supabase_backend, client_for, signed_in, notes):
    signed_in().table(notes).insert({"body": "a"}).execute()
    signed_in().table(notes).insert({"body": "b"}).execute()

    rows = client_for(supabase_backend.service_role_key).table(notes).select("body").order("id").execute().data

    assert rows == [{"body": "a"}, {"body": "b"}]


async def test_the_asynchronous_client_does_the_same(async_client, new_email, notes):
    await async_client.auth.sign_up({"email": new_email(), "password": "secret-1"})

    await async_client.table(notes).insert({"body": "mine"}).execute()
    read = await async_client.table(notes).select("body").execute()

    assert read.data == [{"body": "mine"}]
