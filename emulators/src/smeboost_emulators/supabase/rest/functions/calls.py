"""The statement of a function call: the call once, its rows filtered, ordered and paged like a relation's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from smeboost_emulators.supabase.rest.bodies import NO_BODY, NO_TOTAL, body_of, outcome
from smeboost_emulators.supabase.rest.functions.catalogue import Argument, Function
from smeboost_emulators.supabase.rest.media import Form
from smeboost_emulators.supabase.rest.preferences import Page
from smeboost_emulators.supabase.rest.query.compositions import Binder, array_literal
from smeboost_emulators.supabase.rest.query.rows import rows_of
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.query.trees import Limits, Tree, tree_of
from smeboost_emulators.supabase.rest.reads import count
from smeboost_emulators.supabase.rest.requests import Query
from smeboost_emulators.supabase.rest.schema import Schema

CALL = sql.Identifier("pgrst_call")
SOURCE = sql.Identifier("pgrst_source")
ARGUMENTS = "pgrst_args"
SCALAR = "pgrst_scalar"


@dataclass(frozen=True)
class Call:
    """A function and what it is called with: an object's text, texts by name, or the one value without a name."""

    function: Function
    given: frozenset[str] = frozenset()
    object_text: str | None = None
    texts: Mapping[str, Sequence[str]] | None = None
    whole: str | None = None

    @property
    def arguments(self) -> list[Argument]:
        """The arguments that are given, in the function's order."""
        return [argument for argument in self.function.arguments if argument.name in self.given]


def statement_of(
    call: Call,
    schema: Schema,
    query: Query,
    page: Page,
    binder: Binder,
    *,
    limits: Limits,
    form: Form,
    counted: bool,
    with_body: bool,
) -> sql.Composable:
    """The call and the one row of its outcome."""
    function = call.function
    calling = sql.SQL("with {} as ({})").format(CALL, _call(call, binder))
    if function.returns == "composite":
        tree = _tree(function, schema, query, page, limits)
        rows = rows_of(tree, binder)
        total = sql.SQL("({})").format(count(tree, binder)) if counted else NO_TOTAL
    else:
        rows, total = _page_of_values(page, binder)
    body = NO_BODY
    if with_body and function.returns != "void":
        body = _body(function, form)
    return sql.SQL("{}, {} as ({}) {}").format(
        calling, SOURCE, rows, outcome(SOURCE, total=total if counted else NO_TOTAL, body=body)
    )


def _tree(function: Function, schema: Schema, query: Query, page: Page, limits: Limits) -> Tree:
    """What is asked of the rows; those of a known relation have its relationships and computed fields."""
    returned = (function.returned.schema, function.returned.name)
    relation = schema.relations.get(returned, function.rows)
    return tree_of(
        Target(relation, schema, CALL, typed=False),
        query.select,
        query.scoped,
        limits,
        filters=query.filters,
        order=query.order,
        limit=page.limit,
        offset=page.offset,
    )


def _page_of_values(page: Page, binder: Binder) -> tuple[sql.Composable, sql.Composable]:
    rows = sql.SQL("select * from {}{}").format(CALL, _limits(page, binder))
    return rows, sql.SQL("(select count(*) from {})").format(CALL)


def _limits(page: Page, binder: Binder) -> sql.Composable:
    return sql.SQL(" limit {}::bigint offset {}::bigint").format(
        binder.bind(str(page.limit)), binder.bind(str(page.offset))
    )


def _body(function: Function, form: Form) -> sql.Composable:
    if function.returns == "composite":
        return body_of(SOURCE, form if function.many or form.csv else replace(form, singular=True))
    value = sql.SQL("{}.{}").format(SOURCE, sql.Identifier(SCALAR))
    if form.csv:
        return body_of(SOURCE, form)
    if form.raw:
        # The bytes travel as hexadecimal digits, because the rest of the row is text.
        shown = sql.SQL("encode({}::bytea, 'hex')" if function.base == "bytea" else "{}::text").format(value)
        return sql.SQL("coalesce(string_agg({}, ''), '')").format(shown)
    values = sql.SQL("coalesce(json_agg({}), '[]'::json)").format(value)
    if form.strip_nulls:
        values = sql.SQL("json_strip_nulls({})").format(values)
    if form.singular or not function.many:
        values = sql.SQL("({} -> 0)").format(values)
    return sql.SQL("{}::text").format(values)


def _call(call: Call, binder: Binder) -> sql.Composable:
    function = call.function
    called = sql.SQL("{}({})").format(function.identifier, sql.SQL(", ").join(_values(call, binder)))
    source = sql.SQL("")
    if call.object_text is not None and call.arguments:
        types = sql.SQL(", ").join(
            [sql.SQL("{} {}").format(sql.Identifier(one.name), one.type.identifier) for one in call.arguments]
        )
        source = sql.SQL("json_to_record({}::json) as {}({})").format(
            binder.bind(call.object_text), sql.Identifier(ARGUMENTS), types
        )
    if function.returns == "composite":
        before = sql.SQL("{}, lateral ").format(source) if call.object_text is not None and call.arguments else source
        return sql.SQL("select pgrst_row.* from {}{} as pgrst_row").format(before, called)
    behind = sql.SQL(" from {}").format(source) if call.object_text is not None and call.arguments else source
    return sql.SQL("select {} as {}{}").format(called, sql.Identifier(SCALAR), behind)


def _values(call: Call, binder: Binder) -> list[sql.Composable]:
    if call.whole is not None:
        (only,) = call.function.arguments
        return [sql.SQL("{}::{}").format(binder.bind(call.whole), only.type.identifier)]
    return [_named(call, argument, binder) for argument in call.arguments]


def _named(call: Call, argument: Argument, binder: Binder) -> sql.Composable:
    if call.texts is None:
        value: sql.Composable = sql.Identifier(ARGUMENTS, argument.name)
    else:
        texts = call.texts[argument.name]
        text = array_literal(texts) if argument.variadic else texts[-1]
        value = sql.SQL("{}::{}").format(binder.bind(text), argument.type.identifier)
    word = sql.SQL("variadic {} => {}" if argument.variadic else "{} => {}")
    return word.format(sql.Identifier(argument.name), value)
