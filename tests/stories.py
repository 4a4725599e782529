"""Gabbi stories, played against a live cloud."""

from __future__ import annotations

import unittest
from pathlib import Path

import yaml
from gabbi import suitemaker
from gabbi.handlers import core, jsonhandler

from cloud import LiveCloud

HANDLERS = [
    core.StringResponseHandler,
    core.ForbiddenHeadersResponseHandler,
    core.HeadersResponseHandler,
    jsonhandler.JSONHandler,
]


def play(live: LiveCloud, story: Path) -> None:
    """One story from its beginning to its end."""
    suite = suitemaker.test_suite_from_dict(
        unittest.defaultTestLoader,
        f"story_{story.stem}",
        yaml.safe_load(story.read_text(encoding="utf-8")),
        str(story.parent),
        "127.0.0.1",
        live.port,
        None,
        None,
        handlers=[handler() for handler in HANDLERS],
    )
    result = unittest.TestResult()
    suite.run(result)
    problems = [f"{test}: {text}" for test, text in (*result.errors, *result.failures)]
    assert not problems, "\n\n".join(problems)
    assert result.testsRun > 0
