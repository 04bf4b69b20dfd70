"""Text to tree, on a LALR grammar (https://support.airtable.com/docs/formula-field-reference).

Every step is bounded: the text by `TEXT_LENGTH_MAX`, the tree by `DEPTH_MAX`; the parser itself does not recurse.
"""

import re
from functools import lru_cache
from typing import cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from smeboost_shared.formula.faults import FormulaSyntaxError, check_call, ends_early, unexpected, unreadable
from smeboost_shared.formula.tree import Call, Chain, Comparison, FieldReference, Negation, Node, Number, Text

TEXT_LENGTH_MAX = 100_000
"""Characters. A client's filter over 500 record ids is about 17,000 long."""
DEPTH_MAX = 60
"""Levels of nesting; well below what Python's own stack carries."""
TOKENS_MAX = 6_000
"""Words, texts, numbers and signs: a filter over 1,000 record ids. As many are parsed in about 0.04 s."""

GRAMMAR = r"""
?start: comparison
?comparison: concatenation
           | concatenation COMPARE concatenation
?concatenation: sum
              | concatenation AMPERSAND sum   -> chain_concatenation
?sum: product
    | sum SIGN product                        -> chain_sum
?product: unary
        | product FACTOR unary                -> chain_product
?unary: atom
      | SIGN unary                            -> signed
?atom: NUMBER                                 -> number
     | TEXT                                   -> text
     | FIELD                                  -> braced
     | NAME                                   -> bare
     | NAME "(" [comparison ("," comparison)*] ")" -> call
     | "(" comparison ")"

COMPARE: "!=" | "<=" | ">=" | "=" | "<" | ">"
AMPERSAND: "&"
SIGN: "+" | "-"
FACTOR: "*" | "/"
NUMBER: /(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
TEXT: /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/s
FIELD: /\{(\\.|[^}\\])+\}/s
NAME: /[^\W\d]\w*/
%ignore /\s+/
"""


# Roughly the terminals above, and quicker: enough to count with. What is not closed ends with the text.
_TOKEN = re.compile(r"""'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?|\{[^}]*\}?|\w+|[^\s\w]""", re.DOTALL)


def parse(text: str) -> Node:
    """The tree of `text`.

    Raises:
        FormulaSyntaxError: it is empty, too long, too deeply nested, or not a formula; says where.
    """
    if len(text) > TEXT_LENGTH_MAX:
        raise FormulaSyntaxError(f"The formula is longer than {TEXT_LENGTH_MAX} characters.")
    if not text.strip():
        raise FormulaSyntaxError("The formula is empty.")
    if len(_TOKEN.findall(text)) > TOKENS_MAX:
        raise FormulaSyntaxError(f"The formula has more than {TOKENS_MAX} words and signs.")
    try:
        return cast(Node, _parser().parse(text))
    except UnexpectedInput as exc:
        raise _explained(exc, text) from None
    except VisitError as exc:
        if isinstance(exc.orig_exc, FormulaSyntaxError):
            raise exc.orig_exc from None
        raise


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Builder(), maybe_placeholders=False)


def _explained(exc: UnexpectedInput, text: str) -> FormulaSyntaxError:
    position = exc.pos_in_stream if exc.pos_in_stream is not None and exc.pos_in_stream >= 0 else len(text)
    if isinstance(exc, UnexpectedCharacters):
        return unreadable(text, position)
    if isinstance(exc, UnexpectedToken) and (token := cast(Token, exc.token)).type != "$END":
        return unexpected(text, position, str(token))
    return ends_early(text)


ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "'": "'", '"': '"', "\\": "\\"}
"""What a backslash makes of the character behind it; before any other it stays, so that '\\d' is a pattern [I]."""


def _unescaped(token: Token) -> str:
    return ESCAPE.sub(lambda match: ESCAPED.get(match[1], match[0]), token[1:-1])


class _Builder(Transformer[Token, Node]):
    """Builds the tree while the parser reduces, so that nothing recurses over the parse tree."""

    def number(self, children: list[Token]) -> Node:
        return Number(float(children[0]), _at(children[0]))

    def text(self, children: list[Token]) -> Node:
        return Text(_unescaped(children[0]), _at(children[0]))

    def braced(self, children: list[Token]) -> Node:
        token = children[0]
        # pyairtable writes a backslash in a name as it is, and escapes nothing but the brace.
        name = token[1:-1].replace("\\}", "}").strip()
        return FieldReference(name, _at(token), _at(token) + len(token))

    def bare(self, children: list[Token]) -> Node:
        token = children[0]
        return FieldReference(str(token), _at(token), _at(token) + len(token), bare=True)

    def call(self, children: list[Token | Node]) -> Node:
        token = cast(Token, children[0])
        arguments = cast("tuple[Node, ...]", tuple(children[1:]))
        name, position = token.upper(), _at(token)
        check_call(name, len(arguments), position)
        return Call(name, arguments, position, _deeper(position, *arguments))

    def signed(self, children: list[Token | Node]) -> Node:
        sign, operand = cast("tuple[Token, Node]", tuple(children))
        return operand if sign == "+" else Negation(operand, _at(sign), _deeper(_at(sign), operand))

    def comparison(self, children: list[Token | Node]) -> Node:
        left, operator, right = cast("tuple[Node, Token, Node]", tuple(children))
        position = _at(operator)
        return Comparison(str(operator), left, right, position, _deeper(position, left, right))

    def chain_concatenation(self, children: list[Token | Node]) -> Node:
        return _chained("&", children)

    def chain_sum(self, children: list[Token | Node]) -> Node:
        return _chained("+-", children)

    def chain_product(self, children: list[Token | Node]) -> Node:
        return _chained("*/", children)


def _at(token: Token) -> int:
    return token.start_pos or 0


def _chained(rank: str, children: list[Token | Node]) -> Chain:
    left, operator, right = cast("tuple[Node, Token, Node]", tuple(children))
    position = _at(operator)
    if not isinstance(left, Chain) or left.rank != rank:
        return Chain(rank, left, [(str(operator), right)], position, _deeper(position, left, right))
    # The left side was built a moment ago and belongs to nobody else yet: it may grow in place.
    left.rest.append((str(operator), right))
    return Chain(rank, left.first, left.rest, left.position, max(left.depth, _deeper(position, right)))


def _deeper(position: int, *below: Node) -> int:
    depth = 1 + max((node.depth for node in below), default=0)
    if depth > DEPTH_MAX:
        raise FormulaSyntaxError(f"The formula is nested more than {DEPTH_MAX} levels deep.", position)
    return depth
