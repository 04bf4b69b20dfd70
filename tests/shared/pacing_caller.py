"""A process that makes calls through a shared ledger and prints when: URL, name, most, period, number of calls."""

import asyncio
import json
import sys
import time

from pydantic import SecretStr
from smeboost_shared.pacing.asks import Ask, Limit
from smeboost_shared.pacing.fallback import ledger_at
from smeboost_shared.pacing.pacer import Pacer, Turn


async def main(url: str, name: str, most: str, period: str, calls: str) -> None:
    ledger = ledger_at(SecretStr(url))
    pacer, limit = Pacer(ledger), Limit(name, int(most), float(period))

    async def call() -> None:
        turn = await pacer.turn(Ask(limits=(limit,)), patience_seconds=30)
        assert isinstance(turn, Turn)
        sys.stdout.write(json.dumps(time.time()) + "\n")
        sys.stdout.flush()
        await pacer.done(turn)

    await asyncio.gather(*(call() for _ in range(int(calls))))
    await ledger.close()


asyncio.run(main(*sys.argv[1:]))
