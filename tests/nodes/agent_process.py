"""An agent with a lamp, in a process of its own: `agent_process.py PLACE PORT`; says its port when it listens."""

import asyncio
import sys
from pathlib import Path

from nodes.lamps import Bulb, Lamp
from pileus.kernel.nodes import Agent, AgentListener, Leaf, server_context


async def main(place: Path, port: int) -> None:
    leaf = Leaf(place / "node-1.pem", place / "node-1.key")
    listener = AgentListener(Agent({Lamp: Bulb()}), "127.0.0.1", port, server_context(leaf, place / "control.pem"))
    await listener.start()
    print(listener.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await listener.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
