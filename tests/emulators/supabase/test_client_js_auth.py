"""What supabase-js, unmodified, sees of auth. Node and npm may be absent on a desk, never in CI."""

import pytest

API = "AuthApiError"


@pytest.fixture(scope="module")
def seen(node, mailing_backend):
    """What the script in `auth_client.js` saw."""
    return node("auth_client.js", mailing_backend)


def test_supabase_js_signs_up_in_and_out(seen):
    found = seen["signUp"]
    email = "js-sign-up@example.com"

    assert found["signedUp"] == [email, "Ada", None]
    assert found["unconfirmed"] == [API, 400, "email_not_confirmed"]
    assert found["wrongCode"] == [API, 403, "otp_expired"]
    assert (found["confirmed"], found["signedIn"], found["user"], found["set"]) == (email,) * 4
    assert found["wrongPassword"] == [API, 400, "invalid_credentials"]
    assert found["weakPassword"] == ["AuthWeakPasswordError", 422, "weak_password"]
    # Whoever has confirmed an address is not given away to strangers: the answer looks like that of a new one.
    assert found["twice"] is None
    assert found["claims"] == [email, "authenticated", "aal1", "ES256"]
    assert found["refreshed"] == [True, True]
    assert found["updated"] == ["Ada L.", email]
    assert found["identities"] == ["email"]
    assert found["signedOut"] == [None, ["AuthSessionMissingError", 400, None]]
    assert {"SIGNED_IN", "TOKEN_REFRESHED", "USER_UPDATED", "SIGNED_OUT"} <= set(found["events"])


def test_supabase_js_raises_its_session_by_a_second_factor(seen):
    found = seen["secondFactor"]
    below, above = found["levels"]

    assert found["enrolled"] == ["totp", "phone", True, True]
    assert (below["currentLevel"], below["nextLevel"]) == ("aal1", "aal1")
    assert found["wrongFactor"] == [API, 422, "mfa_verification_failed"]
    assert (above["currentLevel"], above["nextLevel"]) == ("aal2", "aal2")
    assert [method["method"] for method in above["currentAuthenticationMethods"]] == ["totp", "password"]
    assert found["factors"] == [["phone", "verified"]]
    assert found["lowerSession"] == [API, 400, "refresh_token_not_found"]
    assert (found["adminFactors"], found["unenrolled"]) == (1, True)


def test_supabase_js_signs_out_in_three_scopes(seen):
    assert seen["scopes"]["scopes"] == [
        ["local", False, True, True],
        ["others", False, True, False],
        ["global", False, False, False],
    ]


def test_supabase_js_signs_in_by_mail(seen):
    found = seen["byMail"]
    email = "js-mail@example.com"

    assert (found["otp"], found["exchanged"]) == (email, email)
    assert found["unknown"] == [API, 422, "otp_disabled"]
    assert found["stranger"][0] == "AuthPKCECodeVerifierMissingError"
    # The client forgets its verifier when it is used, so it does not even ask again.
    assert found["codeTwice"][0] == "AuthPKCECodeVerifierMissingError"
    assert found["recovered"] == ["recovery", email]
    assert found["pending"] == "js-new@example.com"


def test_supabase_js_administers_people(seen):
    found = seen["administration"]

    assert found["made"] == ["js-made@example.com", "red"]
    assert found["taken"] == [API, 422, "email_exists"]
    assert (found["changed"], found["got"], found["linked"]) == (1, "js-made@example.com", "js-made@example.com")
    assert found["listed"] == [2, True, 2]
    assert found["invited"] == ["js-guest@example.com", "invite"]
    assert found["deleted"] is None
    assert found["gone"] == [API, 404, "user_not_found"]
    assert found["notAdmin"] == [API, 403, "not_admin"]
    assert found["anonymous"] == [API, 422, "anonymous_provider_disabled"]
