"""Cut SQL text into its statements, as far as PostgreSQL's lexical rules need it (manual, section 4.1).

Two use it: the operator's migrations, whose files are always run as they stand, and the Supabase server, which asks a
person before some statements. It decides nothing about rights: the database does.
"""

import re

_TOKEN = re.compile(
    r"""
      --[^\n]*                                        # comment to the end of the line
    | /\*.*?\*/                                       # block comment
    | (?<![a-z0-9_$])[eE]'(?:\\.|''|[^'\\])*'         # string with backslash escapes
    | '(?:''|[^'])*'                                  # string
    | "(?:""|[^"])*"                                  # quoted name
    | \$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$       # dollar-quoted string
    | ;
    | \w+
    | .
    """,
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_TRANSACTION_WORDS = {"begin", "commit", "rollback", "end", "abort"}
_COMMENT = re.compile(r"\s+|--[^\n]*|/\*.*?\*/", re.DOTALL)


def split_statements(text: str) -> list[str]:
    """The statements of `text` without their semicolons; text of comments alone is no statement."""
    statements: list[str] = []
    start = 0
    inside_body = 0  # depth of BEGIN ATOMIC ... END, whose semicolons end nothing
    before = ""
    for token in _TOKEN.finditer(text):
        word = token[0].lower()
        if word == "atomic" and before == "begin":
            inside_body = 1
        elif inside_body and word in ("case", "end"):
            inside_body += 1 if word == "case" else -1
        elif word == ";" and not inside_body:
            statements.append(text[start : token.start()])
            start = token.end()
        if not word.isspace():
            before = word
    statements.append(text[start:])
    return [statement.strip() for statement in statements if _without_comments(statement)]


def controls_transaction(statement: str) -> bool:
    """Whether the statement would end or begin the transaction that it runs in."""
    words = _without_comments(statement).lower().split(None, 2)
    return bool(words) and (words[0] in _TRANSACTION_WORDS or words[:2] == ["start", "transaction"])


def same_text(first: list[str], second: list[str]) -> bool:
    """Whether two lists of statements say the same; white space and semicolons do not matter."""
    return _bare(first) == _bare(second)


def _bare(statements: list[str]) -> str:
    return re.sub(r"[\s;]+", "", "".join(statements))


def _without_comments(statement: str) -> str:
    """The statement from its first word on."""
    position = 0
    while found := _COMMENT.match(statement, position):
        position = found.end()
    return statement[position:].strip()
