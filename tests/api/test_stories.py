"""Stories: HTTP conversations in gabbi YAML, read from top to bottom, against a live cloud.

Paths begin with the service (`/compute/v2.1/servers`); `$ENVIRON['DEMO_TOKEN']` and the like come from `people.people`.
"""

from __future__ import annotations

import unittest
from pathlib import Path

import pytest
import yaml
from gabbi import suitemaker
from gabbi.handlers import core, jsonhandler

from cloud import LiveCloud

STORIES = sorted(Path(__file__).parent.glob("*.yaml"))
HANDLERS = [
    core.StringResponseHandler,
    core.ForbiddenHeadersResponseHandler,
    core.HeadersResponseHandler,
    jsonhandler.JSONHandler,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda p: p.stem)
def test_story(cloud: LiveCloud, story: Path) -> None:
    suite = suitemaker.test_suite_from_dict(
        unittest.defaultTestLoader,
        f"story_{story.stem}",
        yaml.safe_load(story.read_text(encoding="utf-8")),
        str(story.parent),
        "127.0.0.1",
        cloud.port,
        None,
        None,
        handlers=[handler() for handler in HANDLERS],
    )
    result = unittest.TestResult()
    suite.run(result)
    problems = [f"{test}: {text}" for test, text in (*result.errors, *result.failures)]
    assert not problems, "\n\n".join(problems)
    assert result.testsRun > 0
