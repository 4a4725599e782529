"""Settings: what is read, what is refused, and in which words."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from pileus.kernel.config import ConfigError, Section, doc, load, options


class Engine(Section):
    """The engine room."""

    name: Annotated[str, doc("What it is called.")] = "main"
    workers: Annotated[int, doc("How many at once.", ge=1, le=64)] = 4
    ratio: Annotated[float, doc("Overcommit.", gt=0)] = 1.5
    kind: Annotated[Literal["auto", "kvm"], doc("Which.")] = "auto"
    on: Annotated[bool, doc("Whether.")] = True
    peers: Annotated[tuple[str, ...], doc("Who else.")] = ()
    limits: Annotated[dict[str, int], doc("By name.")] = {}
    where: Annotated[Path | None, doc("Where.")] = None
    password: Annotated[str, doc("Secret word.", secret=True)] = ""


class Door(Section):
    port: Annotated[int, doc("Where to knock.", ge=0, le=65535)] = 5000


SECTIONS = {"engine": Engine, "door": Door}


def write(tmp_path, text):
    path = tmp_path / "pileus.toml"
    path.write_text(text)
    return path


def test_defaults_file_and_environment(tmp_path):
    path = write(
        tmp_path,
        '[engine]\nname = "x"\nworkers = 8\nratio = 2\npeers = ["a", "b"]\nwhere = "/srv"\nlimits = {a = 1}\n',
    )
    settings = load(SECTIONS, path, {"PILEUS_ENGINE_WORKERS": "16", "PILEUS_STATE": "/x", "HOME": "/root"})
    engine = settings.of(Engine)
    assert (engine.name, engine.workers, engine.ratio, engine.peers) == ("x", 16, 2.0, ("a", "b"))
    assert (engine.where, engine.limits, engine.kind) == (Path("/srv"), {"a": 1}, "auto")
    assert settings.of(Door).port == 5000


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("ON", "off", "on", False),
        ("ON", "TRUE", "on", True),
        ("RATIO", "0.5", "ratio", 0.5),
        ("PEERS", "a, b", "peers", ("a", "b")),
        ("PEERS", '["a,b"]', "peers", ("a,b",)),
        ("PEERS", "", "peers", ()),
        ("LIMITS", '{"a": 2}', "limits", {"a": 2}),
        ("WHERE", "/tmp", "where", Path("/tmp")),
        ("WHERE", "", "where", None),
        ("NAME", "12", "name", "12"),
        ("NAME", "true", "name", "true"),
    ],
)
def test_environment_values(variable, text, option, value):
    assert getattr(load(SECTIONS, None, {f"PILEUS_ENGINE_{variable}": text}).of(Engine), option) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[engine]\nworkers = 0", "[engine] workers: a whole number >= 1 and <= 64 was expected, not 0"),
        ('[engine]\nworkers = "4"', '[engine] workers: a whole number >= 1 and <= 64 was expected, not "4"'),
        ('[engine]\nkind = "xen"', '[engine] kind: one of: auto, kvm was expected, not "xen"'),
        ("[engine]\non = 1", "[engine] on: true or false was expected, not 1"),
        ("[engine]\npeers = [1]", "[engine] peers: a list, each text was expected, not [1]"),
        ("[engine]\npassword = 12345", "[engine] password: text was expected, not ********"),
        ("[engine]\nworker = 4", "[engine] worker: unknown option; did you mean 'workers'?"),
        ("[door]\nzzz = 4", "[door] zzz: unknown option; there is: port"),
        ("[engin]\nworkers = 4", "unknown section [engin]; did you mean 'engine'?"),
        ("workers = 4", "unknown option 'workers' outside of any section"),
        ("door = 4", "[door] is a section"),
        ("[engine", "this is not TOML"),
    ],
)
def test_errors_name_file_section_option_and_what_is_allowed(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(SECTIONS, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_all_problems_are_told_at_once_and_variables_are_named(tmp_path):
    path = write(tmp_path, "[engine]\nworkers = 0\nratio = 0\n")
    with pytest.raises(ConfigError) as caught:
        load(SECTIONS, path, {"PILEUS_DOOR_PORT": "70000", "PILEUS_DOOR_PART": "1"})
    assert len(caught.value.problems) == 4
    assert "PILEUS_DOOR_PORT: [door] port: a whole number >= 0 and <= 65535 was expected, not 70000" in str(
        caught.value
    )
    assert "PILEUS_DOOR_PART: [door] part: unknown option" in str(caught.value)


def test_an_absent_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(SECTIONS, tmp_path / "absent.toml")


def test_show_says_where_values_came_from_and_masks_secrets(tmp_path):
    path = write(tmp_path, '[engine]\npassword = "s3cret"\n')
    settings = load(SECTIONS, path, {"PILEUS_DOOR_PORT": "6000"})
    shown = {(s.section, s.option): s for s in settings.show()}
    assert set(shown) == {("engine", "password"), ("door", "port")}
    assert shown["engine", "password"].value == "********"
    assert shown["engine", "password"].source == str(path)
    assert (shown["door", "port"].value, shown["door", "port"].default) == (6000, 5000)
    assert shown["door", "port"].source == "PILEUS_DOOR_PORT"
    assert len(settings.show(everything=True)) == 10
    assert all(s.doc and s.allowed for s in settings.show(everything=True))
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(settings.of(Engine))


def test_every_option_needs_doc_and_default():
    class NoDoc(Section):
        a: int = 1

    class NoDefault(Section):
        a: Annotated[int, doc("A.")]

    with pytest.raises(TypeError, match=r"NoDoc\.a has no doc"):
        list(options(NoDoc))
    with pytest.raises(TypeError, match=r"NoDefault\.a has no default"):
        list(options(NoDefault))
