"""up, status, down: one process for one state, whatever happens to it."""

import fcntl
import json
import os
import signal
import stat
import time

import yaml


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_detached_up_returns_when_it_answers_and_prints_passwords_once(pileus):
    first = pileus.json("up", "--detach", "--simulate", "3")
    assert first["drivers"] == {"hypervisor": "fake (3 hosts)"}
    assert set(first["passwords"]) == {"admin", "demo"}
    assert len(set(first["passwords"].values())) == 2
    seen = pileus.json("status")
    assert (seen["pid"], seen["ready"]) == (first["pid"], True)
    assert [(a["name"], a["status"]) for a in seen["listeners"]] == [("identity", 200)]
    again = pileus.json("up", "--detach")
    assert (again["pid"], again["passwords"]) == (first["pid"], {})
    assert "already running" in pileus("up", "--detach")
    assert "already running" in pileus("up", code=1)
    assert pileus.json("down")["stopped"]
    assert not pileus.json("status", code=3)["running"]
    restarted = pileus("up", "--detach")
    assert "passwords" not in restarted


def test_logins_are_private_and_complete(pileus):
    told = pileus.json("up", "--detach", "--password", "o'sesame")
    assert set(told["passwords"].values()) == {"o'sesame"}
    assert mode(pileus.state / "clouds.yaml") == 0o600
    assert mode(pileus.state / "openrc") == 0o600
    assert mode(pileus.state / "pileus.db") == 0o600
    assert mode(pileus.state) & 0o066 == 0
    clouds = yaml.safe_load((pileus.state / "clouds.yaml").read_text())["clouds"]
    auth = clouds["pileus"]["auth"]
    assert (auth["username"], auth["password"], auth["project_name"]) == ("admin", "o'sesame", "admin")
    assert auth["auth_url"] == told["listeners"]["identity"] + "/v3"
    assert clouds["pileus-demo"]["auth"]["username"] == "demo"
    assert clouds["pileus-system"]["auth"]["system_scope"] == "all"
    assert "project_name" not in clouds["pileus-system"]["auth"]
    rc = pileus.json("openrc", "--cloud", "pileus-demo")
    assert (rc["OS_USERNAME"], rc["OS_PASSWORD"]) == ("demo", "o'sesame")
    shell = os.popen(f"sh -c '. {pileus.state}/openrc; echo $OS_PASSWORD'").read()
    assert shell == "o'sesame\n"
    assert "no cloud" in pileus("openrc", "--cloud", "nobody", code=1)
    pileus("down")
    assert "another password" in pileus("up", "--detach", "--password", "other", code=1)


def test_secrets_appear_neither_in_the_log_nor_in_arguments(pileus):
    told = pileus.json("up", "--detach", "--password", "sesame-street")
    with open(f"/proc/{told['pid']}/cmdline", "rb") as arguments:
        assert b"sesame-street" not in arguments.read()
    for path in (*(pileus.state / "logs").iterdir(), *(pileus.state / "run").iterdir()):
        assert "sesame-street" not in path.read_text()


def test_sigterm_ends_in_time(pileus):
    process = pileus.start()
    for line in process.stdout:
        if line.startswith("stop:"):
            break
    process.terminate()
    assert process.wait(60) == 0
    assert not (pileus.state / "run" / "ready.json").exists()


def test_sigterm_ends_in_time_even_if_something_hangs(pileus):
    pid = pileus.json("up", "--detach", PILEUS_CLOUD_BREAKS="stop")["pid"]
    begun = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    while pileus_lives(pileus):
        assert time.monotonic() - begun < 60, "what hangs is waited for"
        time.sleep(0.02)


def pileus_lives(pileus):
    with open(pileus.state / "run" / "pileus.pid") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        except OSError:
            return True


def test_killed_and_started_again(pileus):
    first = pileus.json("up", "--detach")
    os.kill(first["pid"], signal.SIGKILL)
    while pileus_lives(pileus):
        time.sleep(0.01)
    assert not pileus.json("status", code=3)["running"]
    second = pileus.json("up", "--detach")
    assert second["pid"] != first["pid"]
    assert second["passwords"] == {}


def test_stale_pid_files_are_harmless(pileus):
    run = pileus.state / "run"
    run.mkdir(parents=True)
    (run / "pileus.pid").write_text(f"{os.getpid()}\n")
    (run / "ready.json").write_text(json.dumps({"pid": os.getpid(), "listeners": {}}))
    assert not pileus.json("status", code=3)["running"]
    assert not pileus.json("down")["stopped"]
    assert pileus.json("up", "--detach")["pid"] != os.getpid()


def test_a_start_that_fails_says_why(pileus):
    said = pileus("up", "--detach", code=1, PILEUS_CLOUD_BREAKS="start")
    assert said.splitlines()[-2:] == [
        "pileus: the fake was told to break",
        f"        -> see {pileus.state}/logs/pileus.log",
    ]
    assert "Traceback" not in said
    assert "Traceback" in pileus("logs")
    assert pileus.json("status", code=3)["running"] is False


def test_bad_settings_are_told_before_anything_starts(pileus, tmp_path):
    config = tmp_path / "wrong.toml"
    config.write_text("[cloud]\nport = 0\nhos = 'x'\n")
    said = pileus("up", "--detach", "--config", config, code=1)
    assert f"{config}: [cloud] port: a whole number >= 1" in said
    assert "did you mean 'host'" in said
    assert not (pileus.state / "clouds.yaml").exists()


def test_purge_forgets_everything_but_the_settings(pileus):
    pileus("up", "--detach")
    (pileus.state / "pileus.toml").write_text("")
    removed = pileus.json("down", "--purge")["removed"]
    assert "namespace px-fake" in removed
    assert [p.name for p in pileus.state.iterdir()] == ["pileus.toml"]
    assert pileus.json("down", "--purge", code=1)["error"].endswith("nothing was deleted")


def test_purge_touches_no_foreign_directory(pileus, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "images").mkdir()
    assert "does not look like" in pileus("down", "--purge", "--state", tmp_path / "mine", code=1)
    assert (tmp_path / "mine" / "images").exists()
    assert pileus.json("down", "--purge", "--state", tmp_path / "nowhere")["removed"] == []
