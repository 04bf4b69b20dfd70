"""Evaluations in slices: other requests go on meanwhile, and what is found is of one state of the base."""

import asyncio
import json

import pytest
from smeboost_emulators.airtable.errors import ApiError
from smeboost_emulators.airtable.records.filtering import filtered
from smeboost_emulators.airtable.records.slices import Evaluation
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.airtable.state.schema import Table


def named_things(count: int) -> Table:
    fields = [{"name": "Name", "type": "singleLineText"}]
    rows = [{"fields": {"Name": f"Thing {number}"}} for number in range(count)]
    seed = {"bases": [{"name": "B", "tables": [{"name": "T", "fields": fields}], "records": {"T": rows}}]}
    [base] = load_seed(json.dumps(seed).encode()).bases.values()
    [table] = base.tables.values()
    return table


def test_a_formula_that_takes_too_long_is_given_up() -> None:
    table = named_things(40)
    steps = filtered("Name != 'Thing 1'", table, range(40))
    assert len(Evaluation(steps, table.base, seconds_max=5).finish()) == 39
    with pytest.raises(ApiError, match="INVALID_FILTER_BY_FORMULA"):
        Evaluation(filtered("Name", table, range(40)), table.base, seconds_max=0).finish()


async def test_a_long_filter_gives_way_and_still_sees_one_state_of_the_base() -> None:
    table = named_things(40)
    evaluation = Evaluation(filtered("FIND('Thing', Name)", table, range(40)), table.base, slice_seconds=0)
    waiting = asyncio.create_task(evaluation.slots())
    await asyncio.sleep(0)
    assert not evaluation.is_done
    # What the emulator does before a change: whatever is under way over the base comes to its end.
    evaluation.complete()
    table.primary.cells[:] = [None] * 40
    assert len(await waiting) == 40


async def test_a_filter_that_nobody_waits_for_any_more_ends() -> None:
    table = named_things(40)
    evaluation = Evaluation(filtered("FIND('Thing', Name)", table, range(40)), table.base, slice_seconds=0)
    waiting = asyncio.create_task(evaluation.slots())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ApiError, match="ITERATOR_NOT_AVAILABLE"):
        evaluation.finish()
