"""A long text in parts that fit into a model's context."""

from smeboost_supabase.models import SchemaPart

CHARACTERS_MAX = 20_000
"""About 5,000 tokens; a piece that is longer alone is given alone."""


def part_of(pieces: list[str], offset: int, *, between: str) -> SchemaPart:
    """As many pieces from `offset` on as fit; nothing when there are none."""
    given: list[str] = []
    size = 0
    for piece in pieces[offset:]:
        if given and size + len(piece) > CHARACTERS_MAX:
            break
        given.append(piece)
        size += len(piece) + len(between)
    end = offset + len(given)
    return SchemaPart(text=between.join(given), next_offset=end if given and end < len(pieces) else None)
