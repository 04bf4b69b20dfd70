"""A position in a stranger's text, for the parsers of `grammar.py` and `selects.py`."""

from dataclasses import dataclass

from smeboost_emulators.supabase.rest.errors import RestFailure, unparsable

TERMS_MAX = 500
# Texts of each parser that are remembered with what they mean, because applications ask the same again and again.
REMEMBERED_MAX = 256


@dataclass
class Reader:
    """A position in a text."""

    text: str
    what: str
    position: int = 0
    number: int = 0
    embeds: int = 0

    def done(self) -> bool:
        return self.position >= len(self.text)

    def peek(self, expected: str) -> bool:
        return self.text.startswith(expected, self.position)

    def take(self, expected: str) -> bool:
        if not self.peek(expected):
            return False
        self.position += len(expected)
        return True

    def need(self, expected: str) -> None:
        if not self.take(expected):
            raise self.problem(f'"{expected}"')

    def end(self, expected: str) -> None:
        if not self.done():
            raise self.problem(expected)

    def problem(self, expected: str) -> RestFailure:
        return unparsable(self.what, self.text, self.position, expected)

    def count(self, terms: int) -> None:
        if terms >= TERMS_MAX:
            raise self.problem(f"at most {TERMS_MAX} terms")

    def until(self, stops: str) -> str:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in stops:
            self.position += 1
        return self.text[start : self.position]

    def quoted(self) -> str:
        """A double-quoted text, in which a backslash takes the next character as it is."""
        self.need('"')
        characters: list[str] = []
        while not self.done():
            character = self.text[self.position]
            self.position += 1
            if character == '"':
                return "".join(characters)
            if character == "\\" and not self.done():
                character = self.text[self.position]
                self.position += 1
            characters.append(character)
        raise self.problem('"\\""')

    def name(self) -> str:
        """An identifier: quoted, or letters, digits, `_`, `$`, spaces, and dashes that begin no arrow."""
        if self.peek('"'):
            return self.quoted()
        start = self.position
        while not self.done() and self._in_name():
            self.position += 1
        name = self.text[start : self.position].strip()
        if not name:
            raise self.problem("field name")
        return name

    def _in_name(self) -> bool:
        character = self.text[self.position]
        if character == "-":
            return not self.peek("->")
        return character.isalnum() or character in "_$ "
