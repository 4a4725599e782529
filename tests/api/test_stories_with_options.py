"""Stories that need a cloud with options of its own: those of `with_options/`, on either database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud import LiveCloud
from people import people
from slapd import ADMIN, ADMIN_PASSWORD, SUFFIX, UNIX, Slapd
from stories import play

HERE = Path(__file__).parent
OPTIONS = {
    "identity-compliance": {
        "SECURITY_COMPLIANCE_LOCKOUT_FAILURE_ATTEMPTS": "3",
        "SECURITY_COMPLIANCE_LOCKOUT_DURATION": "0",
        "SECURITY_COMPLIANCE_PASSWORD_EXPIRES_DAYS": "90",
        "SECURITY_COMPLIANCE_UNIQUE_LAST_PASSWORD_COUNT": "2",
        "SECURITY_COMPLIANCE_PASSWORD_REGEX": r"^(?=.*\d).{3,}$|^secret$",
        "SECURITY_COMPLIANCE_PASSWORD_REGEX_DESCRIPTION": "three, one a digit",
        "IDENTITY_LOGIN_FAILURES_ACCOUNT": "9",
    },
    "identity-directory": {},
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    running = Slapd(tmp_path_factory.mktemp("directory") / "ldap", UNIX).start()
    os.environ.update(LDAP_URL=running.url, LDAP_USER=ADMIN, LDAP_PASSWORD=ADMIN_PASSWORD, LDAP_SUFFIX=SUFFIX)
    yield running
    running.stop()


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
@pytest.mark.parametrize("story", OPTIONS)
def test_story(request: pytest.FixtureRequest, tmp_path: Path, directory: Slapd, story: str, database: str) -> None:
    url = ""
    if database == "postgresql":
        cluster = request.getfixturevalue("postgresql")
        url = cluster.at(cluster.create())
    options = {f"PILEUS_{name}": value for name, value in OPTIONS[story].items()}
    live = LiveCloud(tmp_path, url, options).start()
    kept = dict(os.environ)
    try:
        os.environ.update(people(live))
        play(live, HERE / "with_options" / f"{story}.yaml")
    finally:
        live.stop()
        os.environ.clear()
        os.environ.update(kept)
