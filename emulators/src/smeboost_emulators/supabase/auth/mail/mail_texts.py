"""What mails say. The words are ours; what a link and a code are good for is GoTrue's."""

from dataclasses import dataclass
from html import escape
from typing import Literal

MailKind = Literal["signup", "invite", "magiclink", "recovery", "email_change", "reauthentication"]


@dataclass(frozen=True)
class MailText:
    """A mail in both forms."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class _Words:
    subject: str
    opening: str
    label: str


_WORDS: dict[MailKind, _Words] = {
    "signup": _Words(
        "Please confirm your address", "One step is left of your sign-up: say that {email} is yours.", "Confirm"
    ),
    "invite": _Words("You are invited", "Somebody has made an account for {email}.", "Accept the invitation"),
    "magiclink": _Words("Your link to sign in", "This signs {email} in, once.", "Sign in"),
    "recovery": _Words(
        "Choose a new password", "This signs {email} in, so that you can choose a new password.", "Go on"
    ),
    "email_change": _Words(
        "Please confirm the change of your address",
        "The address {email} is to become {new_email}.",
        "Confirm the change",
    ),
    "reauthentication": _Words("Is it you?", "A new password for {email} needs this code.", ""),
}
_FOOT = "If you did not ask for this, leave it alone: nothing changes."


def compose(kind: MailKind, *, email: str, new_email: str, code: str, link: str | None) -> MailText:
    """The mail of a kind; `link` is absent where only the code counts."""
    words = _WORDS[kind]
    opening = words.opening.format(email=email, new_email=new_email)
    lines = [opening, f"{words.label}: {link}" if link else "", f"Code: {code}", _FOOT]
    button = f'<p><a href="{escape(link)}">{escape(words.label)}</a></p>\n' if link else ""
    html = f"<p>{escape(opening)}</p>\n{button}<p>Code: <b>{escape(code)}</b></p>\n<p>{escape(_FOOT)}</p>\n"
    return MailText(words.subject, "\n\n".join(line for line in lines if line) + "\n", html)
