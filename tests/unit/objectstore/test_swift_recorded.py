"""What a real Swift said to some six hundred requests, and what ours says: see `tests/conformance/swift_side_by_side.py`."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.swift_side_by_side import ANSWERS, Side, differences, parts, recorded, spared, steps
from object_server import running

PARTS = {part["part"]: part for part in parts()}
REAL = json.loads(ANSWERS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PARTS)
async def test_as_the_real_one(name: str, tmp_path: Path, ready_url: str) -> None:
    part, wrong = PARTS[name], []
    async with running(tmp_path, url=ready_url) as it:
        side = Side(it.url)
        for step, real in zip(steps(part), REAL[name], strict=True):
            ours: dict[str, Any] = recorded(await side.ask(step, part["token"]))
            found = differences(real, ours, spared(part, step))
            if found:
                wrong.append(f"{step['method']} {step['path']} {step.get('headers', '')}: {found}")
        await side.client.aclose()
    assert not wrong, "\n".join(wrong)
