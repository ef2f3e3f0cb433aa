"""Settings: where they come from, what wins, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.core.config import load
from headwater.core.errors import ConfigError
from headwater.core.settings import Settings, declared
from headwater.core.settings_page import render

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "headwater.toml"
    path.write_text(text, "utf-8")
    return path


def test_nothing_given_means_the_defaults() -> None:
    assert load() == Settings()
    assert load().kafka.port == 9092


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = written(tmp_path, "[kafka]\nport = 1\n[ksql]\nport = 2\n[node]\nmemory = true\n")
    environment = {"HEADWATER_KAFKA_PORT": "3", "HEADWATER_KSQL_PORT": "4", "HOME": "/nowhere"}
    settings = load(file, environment, {"ksql.port": 5, "node.host": None})
    assert (settings.kafka.port, settings.ksql.port, settings.node.memory) == (3, 5, True)


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "[node]\ndata = '~/events'\n")
    assert load(environment={"HEADWATER_CONFIG": str(file)}).node.data == Path("~/events").expanduser()


def test_tables_hold_dotted_names_and_plain_values(tmp_path: Path) -> None:
    file = written(tmp_path, "[log.topic_defaults]\nretention.ms = 5\n'cleanup.policy' = 'compact'\n")
    assert load(file).log.topic_defaults == {"retention.ms": "5", "cleanup.policy": "compact"}
    environment = {"HEADWATER_KSQL_PROPERTIES": "auto.offset.reset=earliest, ksql.suppress.enabled=true"}
    expected = {"auto.offset.reset": "earliest", "ksql.suppress.enabled": "true"}
    assert load(environment=environment).ksql.properties == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[kafka]\nprot = 1", "unknown setting `kafka.prot` in {}; did you mean `kafka.port`?"),
        ("[kafkaa]\nport = 1", "unknown table [kafkaa] in {}; did you mean `kafka`?"),
        ("kafka = 1", "`kafka` in {} must be a table: write [kafka] and its settings below"),
        ("[kafka]\nport = 70000", "setting `kafka.port` in {} must be a whole number from 0 to 65535, not `70000`"),
        ("[kafka]\nport = true", "setting `kafka.port` in {} must be a whole number from 0 to 65535, not `True`"),
        ("[node]\nmemory = 'maybe'", "setting `node.memory` in {} must be true or false, not `maybe`"),
        ("[log]\nfsync = 'never'", "setting `log.fsync` in {} must be one of adaptive, interval, none, not `never`"),
        ("[ksql]\nproperties = [1]", "setting `ksql.properties` in {} must be a table of names and values, not `[1]`"),
        ("[cluster]\nsasl_password = 1", "setting `cluster.sasl_password` in {} must be text, not the value given"),
        ("[kafka\n", "{} is not a TOML file: Expected ']' at the end of a table declaration (at line 1, column 7)"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == said.format(file)


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        (
            "HEADWATER_KAFKA_PROT",
            "1",
            "unknown setting HEADWATER_KAFKA_PROT in the environment; did you mean `HEADWATER_KAFKA_PORT`?",
        ),
        (
            "HEADWATER_KAFKA_PORT",
            "x",
            "setting `kafka.port` in the environment (HEADWATER_KAFKA_PORT) must be a whole number from 0 to 65535, "
            "not `x`",
        ),
        (
            "HEADWATER_KSQL_PROPERTIES",
            "a:b",
            "HEADWATER_KSQL_PROPERTIES must be `key=value,key=value`, not `a:b`",
        ),
    ],
)
def test_a_mistake_in_the_environment_is_named_with_the_variable(variable: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environment={variable: text})
    assert str(caught.value) == said


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration file .*gone\.toml: No such file"):
        load(tmp_path / "gone.toml")


def test_other_variables_of_the_environment_are_left_alone() -> None:
    assert load(environment={"HEADWATER_CACHE": "/tmp", "HEADWATER_CI": "1"}) == Settings()


def test_every_default_is_one_that_the_setting_takes() -> None:
    wrong = [d.name for d in declared() if d.about.choices and d.default not in d.about.choices]
    assert wrong == []


def test_the_page_of_settings_is_current() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == render(), "run `make docs`"
