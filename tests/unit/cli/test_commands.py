"""The smaller commands."""

import json
import sqlite3
import subprocess
import sys

import pytest

from pileus.cli.root import COMMANDS


def test_help_is_light(pileus):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pileus", "--help"],
        env=pileus.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    for heavy in ("sqlalchemy", "uvicorn", "uvloop", "rich", "openstack", "pileus.app", "pileus.services"):
        assert f" {heavy}\n" not in done.stderr
    for command in COMMANDS:
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize("command", [*COMMANDS, "config show", "db backup", "db restore", "db upgrade", "image build"])
def test_every_command_has_help(pileus, command):
    said = pileus(*command.split(), "--help")
    assert "Usage: pileus" in said
    if "COMMAND [ARGS]" not in said:
        assert "--json" in said


def test_config_show(pileus, tmp_path):
    pileus.state.mkdir()
    (pileus.state / "pileus.toml").write_text("[identity]\nadmin_password = 'hidden'\n")
    shown = {o["option"]: o for o in pileus.json("config", "show")}
    assert set(shown) == {"admin_password", "port"}
    assert shown["admin_password"]["value"] == "********"
    assert shown["port"]["source"] == "PILEUS_CLOUD_PORT"
    everything = pileus("config", "show", "--all")
    assert "# Simulated hypervisors; 0: real ones. (a whole number >= 0; default 0)\nsimulate = 0\n" in everything
    assert "hidden" not in everything
    told = pileus.json("explain", "option", "cloud.simulate")
    assert (told["allowed"], told["value"]) == ("a whole number >= 0", 0)
    assert "no option" in pileus("explain", "option", "cloud.nothing", code=1)


def test_explain_a_rule(pileus, tmp_path):
    (tmp_path / "image.yaml").write_text('"get_images": "role:auditor"\n')
    del pileus.environ["PILEUS_CLOUD_PORT"]
    real = {"PILEUS_APP": "pileus.app"}
    told = pileus.json("explain", "rule", "get_images", **real, PILEUS_CLOUD_POLICY_DIR=str(tmp_path))
    assert (told["service"], told["check"], told["overridden"]) == ("image", "role:auditor", True)
    assert told["default"] != told["check"]
    assert "no service has" in pileus("explain", "rule", "nothing", code=1, **real)


def test_logs(pileus):
    assert "no log" in pileus("logs", code=1)
    pileus("up", "--detach")
    lines = [json.loads(line) for line in pileus("logs", "--json", "--request", "req-1").splitlines()]
    assert [(x["message"], x["logger"], x["level"]) for x in lines] == [("serving", "fake", "info")]
    assert lines[0]["request_id"] == "req-1"
    assert "serving port=" in pileus("logs")
    assert "serving" not in pileus("logs", "--level", "error")
    assert pileus("logs", "-n", "0") == ""
    assert pileus.json("explain", "request", "req-1")["log"][0]["message"] == "serving"


def test_backup_and_restore(pileus, tmp_path):
    assert "no database" in pileus("db", "backup", code=1)
    pileus("up", "--detach")
    with sqlite3.connect(pileus.state / "pileus.db") as live:
        live.execute("INSERT INTO things VALUES ('kept')")
    live.close()
    copy = tmp_path / "copy.db"
    assert pileus.json("db", "backup", copy)["bytes"] == copy.stat().st_size
    assert copy.stat().st_mode & 0o777 == 0o600
    assert "exists already" in pileus("db", "backup", copy, code=1)
    assert pileus.json("db", "backup")["path"].startswith(str(pileus.state / "backups"))
    assert "stop it first" in pileus("db", "restore", copy, code=1)
    pileus("down")
    with sqlite3.connect(pileus.state / "pileus.db") as later:
        later.execute("INSERT INTO things VALUES ('lost')")
    later.close()
    kept = pileus.json("db", "restore", copy)["kept"]
    assert words(pileus.state / "pileus.db") == ["kept"]
    assert words(kept) == ["kept", "lost"]
    (tmp_path / "no.db").write_text("this is no database, only words that go on for a while" * 20)
    assert "no sound database" in pileus("db", "restore", tmp_path / "no.db", code=1)
    assert words(pileus.state / "pileus.db") == ["kept"]


def words(path):
    with sqlite3.connect(path) as file:
        found = [w for (w,) in file.execute("SELECT word FROM things")]
    file.close()
    return found


def test_upgrade_and_bootstrap_need_a_stopped_cloud(pileus):
    assert pileus.json("db", "upgrade") == {"revision": "0001"}
    assert pileus.json("bootstrap", "--password", "new")["users"] == ["admin", "demo"]
    assert pileus.json("openrc")["OS_PASSWORD"] == "new"
    pileus("up", "--detach")
    assert "pileus down" in pileus("db", "upgrade", code=1)
    assert "stop it first" in pileus("bootstrap", code=1)


def test_doctor_on_a_running_cloud(pileus):
    pileus("up", "--detach", "--simulate", "1")
    told = pileus.json("doctor")
    found = {(f["check"], f["level"]) for f in told["findings"]}
    for check in (
        "process",
        "listeners",
        "health",
        "reconcilers",
        "log",
        "database",
        "secrets",
        "hypervisor",
        "libvirt",
    ):
        assert (check, "ok") in found, told
    assert told["problems"] == 0
    (pileus.state / "openrc").chmod(0o644)
    told = pileus.json("doctor", code=1)
    assert [f["advice"] for f in told["findings"] if f["level"] == "problem"] == [f"chmod 600 {pileus.state}/openrc"]


def test_doctor_finds_stuck_and_late_sagas(pileus):
    pileus("up", "--detach", "--simulate", "1")
    with sqlite3.connect(pileus.state / "pileus.db") as database:
        database.execute(
            "CREATE TABLE kernel_sagas (seq INTEGER PRIMARY KEY, id, name, key, params, ctx, state, undoing, cancelled,"
            " step, step_at, attempt, due_at, deadline_at, reason, error, created_at, finished_at)"
        )
        row = "INSERT INTO kernel_sagas VALUES (?,?,'make','k','{}','{}',?,0,0,'plug',1,2,3,?,'','no disk',1,0)"
        database.execute(row, (1, "s-stuck", "stuck", 0))
        database.execute(row, (2, "s-late", "running", 5))
        database.execute(row, (3, "s-fine", "running", 1 << 60))
        database.execute("CREATE TABLE kernel_saga_steps (saga, step, done_at, undone_at, output)")
        database.execute("INSERT INTO kernel_saga_steps VALUES (1, 'fetch', 5, 0, '')")
    database.close()
    told = pileus.json("doctor", code=1)
    problems = [f for f in told["findings"] if f["level"] == "problem"]
    assert [f["advice"] for f in problems] == ["pileus explain saga s-stuck", "pileus explain saga s-late"]
    assert "no disk" in problems[0]["found"]
    saga = pileus.json("explain", "saga", "s-stuck")
    assert (saga["state"], saga["steps"][0]["step"]) == ("stuck", "fetch")


def test_doctor_without_a_cloud_says_how_to_start(pileus):
    told = json.loads(run_any(pileus, "doctor", "--json"))
    process = next(f for f in told["findings"] if f["check"] == "process")
    assert (process["level"], process["advice"]) == ("warning", "pileus up --detach")


def run_any(pileus, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "pileus", *arguments], env=pileus.environ, capture_output=True, text=True, check=False
    ).stdout
