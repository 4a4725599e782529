"""Stories: HTTP conversations in gabbi YAML, read from top to bottom, against a live cloud.

Paths begin with the service (`/compute/v2.1/servers`); `$ENVIRON['DEMO_TOKEN']` and the like come from `people.people`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud import LiveCloud
from stories import play

STORIES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("story", STORIES, ids=lambda p: p.stem)
def test_story(cloud: LiveCloud, story: Path) -> None:
    play(cloud, story)
