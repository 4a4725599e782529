"""What a saga costs: `python tests/bench/sagas.py [SAGAS] [RATE]`; figures in docs/explanation/long-work.md.

A simulated boot has three World steps and a Tx step. Starts come at RATE a second (0: all at once), one transaction
each, as requests would. CPU seconds are those of the whole process, starts and writer thread included.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pileus.kernel import saga as sagas
from pileus.kernel.db import Database
from pileus.kernel.saga import Params, Run, Runner, Saga, SagaSettings, Tx, World
from pileus.kernel.types import cloud


class Boot(Params, saga="bench.boot", frozen=True):
    server_id: str


async def effect(world: None, run: Run, p: Boot) -> dict[str, str]:
    await asyncio.sleep(0.05)
    return {"seen": p.server_id}


def mark(tx: Any, world: None, run: Run, p: Boot) -> None:
    return None


BOOT = Saga(
    "bench.boot", Boot, [World("image", effect), World("ports", effect), World("guest", effect), Tx("mark", mark)]
)


async def main(count: int, rate: int) -> None:
    with tempfile.TemporaryDirectory(prefix="ksaga-bench-") as place:
        db = Database(f"sqlite:///{Path(place)}/pileus.db")
        await db.start()
        runner = Runner(db, SagaSettings())
        runner.add(BOOT, None)
        await runner.start()
        cpu, wall = time.process_time(), time.perf_counter()
        starts = []
        for n in range(count):
            starts.append(asyncio.create_task(db.write(sagas.start, Boot(server_id=str(n)), f"k{n}", cloud())))
            if rate:
                await asyncio.sleep(max(0, wall + (n + 1) / rate - time.perf_counter()))
        await asyncio.gather(*starts)
        while runner.counters()["saga_done_total"] < count:
            await asyncio.sleep(0.005)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        await runner.close()
        await db.close()
    print(f"{count} sagas: {count / wall:.0f}/s, {cpu / count * 1e6:.0f} us CPU each, {cpu / wall:.0%} of one core")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(numbers + [2000, 0][len(numbers) :])))
