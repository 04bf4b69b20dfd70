"""What is wrong with the text of a formula, in words for the person who wrote it, and where."""

from difflib import get_close_matches

from smeboost_shared.formula.signatures import SIGNATURES

NAME_SHOWN_MAX = 60
"""Characters of the text that an error repeats."""
SUCCESSORS = {
    "^": "For powers use POWER(base, exponent).",
    "%": "For remainders use MOD(number, divisor).",
    "==": "For equality use a single '='.",
    "<>": "For inequality use '!='.",
    "&&": "Use AND(a, b).",
    "||": "Use OR(a, b).",
    "//": "Comments are not part of the language.",
    "/*": "Comments are not part of the language.",
    "!": "Use NOT(value), or '!=' for inequality.",
    "“": "Texts take straight quotes, ' or \".",
    "”": "Texts take straight quotes, ' or \".",
    "‘": "Texts take straight quotes, ' or \".",
    "’": "Texts take straight quotes, ' or \".",
    ";": "Arguments are separated by a comma.",
}
"""What people write out of habit from other languages, and what it is here."""


class FormulaSyntaxError(Exception):
    """The text is not a formula; `position` counts characters from 0."""

    def __init__(self, message: str, position: int = 0) -> None:
        """`message` is for the person who wrote the formula."""
        super().__init__(message)
        self.message = message
        self.position = position


def unreadable(text: str, position: int) -> FormulaSyntaxError:
    """No word, sign, text or field begins at `position`."""
    opening = text[position]
    if opening in "'\"":
        return FormulaSyntaxError(
            f"The text that begins at position {position} is not closed: add {opening}.", position
        )
    if opening == "{":
        fault = "names no field" if text.startswith("{}", position) else "is not closed: add }"
        return FormulaSyntaxError(f"The field name that begins at position {position} {fault}.", position)
    return unexpected(text, position, opening)


def unexpected(text: str, position: int, found: str) -> FormulaSyntaxError:
    """`found` stands where the language has no place for it."""
    before = max(position - 1, 0)
    near = (text[position : position + 2], text[before : before + 2], text[position : position + 1])
    hint = next((f" {SUCCESSORS[sign]}" for sign in near if sign in SUCCESSORS), "")
    return FormulaSyntaxError(f"Unexpected {found[:NAME_SHOWN_MAX]!r} at position {position}.{hint}", position)


def ends_early(text: str) -> FormulaSyntaxError:
    """Something is missing at the end."""
    return FormulaSyntaxError(
        f"The formula ends too early at position {len(text)}: a value or a closing parenthesis is missing.", len(text)
    )


def check_call(name: str, count: int, position: int) -> None:
    """Whether there is a function of that upper-case name, and it takes so many arguments.

    Raises:
        FormulaSyntaxError: there is none, or it takes another number.
    """
    signature = SIGNATURES.get(name)
    if signature is None:
        shown = name[:NAME_SHOWN_MAX]
        near = get_close_matches(shown, SIGNATURES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise FormulaSyntaxError(f"There is no function {shown} (position {position}).{hint}", position)
    if count < signature.least or (signature.most is not None and count > signature.most):
        raise FormulaSyntaxError(
            f"{name} at position {position} does not take {count} arguments: {signature.usage}.", position
        )
