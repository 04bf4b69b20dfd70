"""The inbox: who may see it, what it shows, and what leaves it."""

import httpx
import pytest

INBOX = "/_emulator/inbox"
MESSAGES = "/_emulator/inbox/messages"


@pytest.fixture
def mail(mailing_backend, http_of, new_email):
    """Have a mail sent, and give its recipient."""

    def send(email=None):
        recipient = email or new_email()
        assert http_of(mailing_backend).post("/auth/v1/otp", json={"email": recipient}).status_code == 200
        return recipient

    return send


@pytest.fixture
def neighbour(mailing_backend):
    """Somebody on this machine, without a key."""
    with httpx.Client(base_url=mailing_backend.url, timeout=10) as client:
        yield client


def test_a_mail_is_listed_with_all_that_a_test_needs(mail, neighbour):
    recipient = mail()

    [message] = neighbour.get(MESSAGES, params={"recipient": recipient.upper()}).json()

    assert message["recipient"] == recipient
    assert message["kind"] == "signup"
    assert message["code"].isdecimal()
    assert len(message["code"]) == 6
    assert message["code"] in message["text"]
    assert message["code"] in message["html"]
    assert message["link"] in message["text"]
    assert f"token={message['token_hash']}&" in message["link"]
    assert message["sent_at"].endswith("Z")


def test_the_newest_mail_comes_first(mail, neighbour):
    first, second = mail(), mail()

    listed = [message["recipient"] for message in neighbour.get(MESSAGES, params={"limit": 2}).json()]

    assert listed == [second, first]


def test_one_mail_is_deleted(mail, neighbour):
    recipient = mail()
    [message] = neighbour.get(MESSAGES, params={"recipient": recipient}).json()

    assert neighbour.delete(f"{MESSAGES}/{message['id']}").status_code == 200
    assert neighbour.delete(f"{MESSAGES}/{message['id']}").status_code == 404
    assert neighbour.get(MESSAGES, params={"recipient": recipient}).json() == []


@pytest.mark.parametrize("message_id", ["0", "x", "-1", str(2**63), "9" * 30])
def test_a_mail_that_is_not_there_cannot_be_deleted(neighbour, message_id):
    assert neighbour.delete(f"{MESSAGES}/{message_id}").status_code == 404


@pytest.mark.parametrize("limit", ["0", "x", "1001", "9" * 30])
def test_a_list_has_a_largest_length(neighbour, limit):
    assert neighbour.get(MESSAGES, params={"limit": limit}).status_code == 400


def test_the_page_escapes_what_strangers_wrote(mail, neighbour):
    recipient = mail("o'hara&co`@example.com")

    page = neighbour.get(INBOX, params={"recipient": recipient})

    assert "o&#x27;hara&amp;co`@example.com" in page.text
    assert recipient not in page.text
    assert "script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", [INBOX, MESSAGES])
@pytest.mark.parametrize(
    "headers", [{"origin": "http://localhost:3000"}, {"origin": "null"}, {"host": "inbox.example.com"}, {"host": "[::"}]
)
def test_a_web_page_does_not_see_the_inbox(neighbour, path, headers):
    assert neighbour.get(path, headers=headers).status_code == 404


def test_a_web_page_does_not_empty_the_inbox(mail, neighbour):
    recipient = mail()

    assert neighbour.delete(MESSAGES, headers={"origin": "http://localhost:3000"}).status_code == 404
    assert len(neighbour.get(MESSAGES, params={"recipient": recipient}).json()) == 1


def test_the_oldest_mail_makes_room_and_the_inbox_can_be_emptied(
    start_supabase_backend, new_database, http_of, new_email
):
    with start_supabase_backend(new_database(), inbox_messages_max=2) as backend, httpx.Client() as neighbour:
        people = [new_email() for _ in range(3)]
        for email in people:
            http_of(backend).post("/auth/v1/otp", json={"email": email})
        listed = neighbour.get(f"{backend.url}{MESSAGES}").json()
        emptied = neighbour.delete(f"{backend.url}{MESSAGES}").json()

        assert [message["recipient"] for message in listed] == [people[2], people[1]]
        assert emptied == {"deleted": 2}
        assert neighbour.get(f"{backend.url}{MESSAGES}").json() == []


def test_mails_outlive_a_restart(start_supabase_backend, new_database, http_of, mails_to, new_email):
    database, email = new_database(), new_email()
    with start_supabase_backend(database) as backend:
        http_of(backend).post("/auth/v1/otp", json={"email": email})

    with start_supabase_backend(database) as backend:
        [message] = mails_to(backend, email)
        answer = http_of(backend).post(
            "/auth/v1/verify", json={"type": "email", "email": email, "token": message["code"]}
        )

    assert answer.json()["user"]["email"] == email
