"""The log's lines, batches and rotation."""

import json
import logging

import pytest

from pileus.cli import journal
from pileus.cli.journal import Journal


@pytest.fixture
def log(tmp_path):
    handler = Journal(tmp_path / "x.log")
    logger = logging.Logger("some.part", logging.INFO)
    logger.addHandler(handler)
    logger.file = tmp_path / "x.log"
    yield logger
    handler.close()


def lines(log):
    log.handlers[0].flush()
    return [json.loads(line) for line in log.file.read_text().splitlines()]


def test_a_line_has_its_request_and_further_fields(log):
    log.info("%s is %d", "x", 3, extra={"request_id": "req-1", "odd": object})
    log.info("plain")
    first, second = lines(log)
    assert (first["message"], first["level"], first["logger"], first["request_id"]) == (
        "x is 3",
        "info",
        "some.part",
        "req-1",
    )
    assert first["odd"] == "<class 'object'>"
    assert first["time"].endswith("Z")
    assert second.keys() == {"time", "level", "logger", "message"}


def test_errors_bring_their_traceback_and_are_written_at_once(log):
    try:
        raise ValueError("no\nway")
    except ValueError:
        log.exception("failed")
    written = json.loads(log.file.read_text())
    assert written["error"].endswith("ValueError: no\nway")
    assert written["error"].startswith("Traceback")


def test_a_message_that_cannot_be_made_harms_nobody(log, capsys):
    log.info("%d", "text")
    log.info("next")
    assert [x["message"] for x in lines(log)] == ["next"]
    assert "Logging error" in capsys.readouterr().err


def test_full_files_are_put_aside(log, monkeypatch):
    log.handlers[0].maxBytes = 2000
    for n in range(200):
        log.info("line %d %s", n, "x" * 50)
        log.handlers[0].flush()
    aside = sorted(log.file.parent.glob("x.log.*"))
    assert len(aside) == log.handlers[0].backupCount
    assert all(path.stat().st_size < 2300 for path in aside)
    assert all(json.loads(line) for path in aside for line in path.read_text().splitlines())


def test_waiting_lines_are_written_by_themselves(log):
    import time

    log.info("later")
    end = time.monotonic() + 60
    while not log.file.read_text():
        assert time.monotonic() < end
        time.sleep(journal.PAUSE / 4)
