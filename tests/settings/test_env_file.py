"""Which file is read, and who wins."""

from pathlib import Path

import pytest

from settings import SettingsError, load_settings


def write(path: Path, **settings: str) -> Path:
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    return path


@pytest.fixture
def dot_env(bare_environment: Path) -> Path:
    return write(bare_environment / ".env", FAILOVER_TASK_QUEUE="from-dot-env", FAILOVER_TEST_MAC="new")


def test_dot_env_of_the_working_directory_is_read(dot_env: Path) -> None:
    settings = load_settings()

    assert dot_env.is_file()
    assert (settings.task_queue, settings.test_mac) == ("from-dot-env", "new")


def test_without_a_dot_env_the_environment_is_enough() -> None:
    assert load_settings().task_queue == "failover"


@pytest.mark.usefixtures("dot_env")
def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_TASK_QUEUE", "from-environment")
    settings = load_settings()

    assert (settings.task_queue, settings.test_mac) == ("from-environment", "new")


@pytest.mark.usefixtures("dot_env")
def test_another_file_may_be_named_and_is_read_instead(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write(bare_environment / "other.env", FAILOVER_TASK_QUEUE="from-other-file")
    monkeypatch.setenv("FAILOVER_ENV_FILE", str(other))
    settings = load_settings()

    assert (settings.task_queue, settings.test_mac) == ("from-other-file", "keep")


@pytest.mark.usefixtures("dot_env")
def test_no_file_is_read_where_the_setting_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_ENV_FILE", "")

    assert load_settings().task_queue == "failover"


@pytest.mark.usefixtures("dot_env")
def test_a_named_file_that_does_not_exist_is_an_error_and_not_passed_over(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILOVER_ENV_FILE", str(bare_environment / "zq9.env"))

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert caught.value.problems == ["FAILOVER_ENV_FILE: no such file"]


@pytest.mark.parametrize("named", (True, False))
def test_a_file_that_is_no_text_is_an_error_of_the_file(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    file = bare_environment / ".env"
    file.write_bytes(b"FAILOVER_TASK_QUEUE=\xff\xfe\n")
    if named:
        monkeypatch.setenv("FAILOVER_ENV_FILE", str(file))

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert caught.value.problems == [
        f"{'FAILOVER_ENV_FILE' if named else '.env'}: cannot be read (UnicodeDecodeError)"
    ]


def test_a_wrong_setting_in_the_file_is_named_without_its_value(bare_environment: Path) -> None:
    write(bare_environment / ".env", CLOUDSTACK_SECRET="zq9", FAILOVER_LOG_FORMAT="json")

    with pytest.raises(SettingsError, match="CLOUDSTACK_ENDPOINT and CLOUDSTACK_KEY: missing") as caught:
        load_settings()

    assert "zq9" not in str(caught.value)


def test_what_others_keep_in_the_file_is_left_alone(bare_environment: Path) -> None:
    write(bare_environment / ".env", SOMEBODY_ELSES="1", FAILOVER_API_PORT="8082", TEMPORAL_ADDRESS="x:1")

    assert load_settings().task_queue == "failover"


def test_quotes_comments_and_empty_lines_are_as_in_a_shell(bare_environment: Path) -> None:
    (bare_environment / ".env").write_text(
        "# the worker\n\nexport FAILOVER_TASK_QUEUE='of the \"site\"'\nFAILOVER_TEST_MAC=new # a drill\n",
        encoding="utf-8",
    )
    settings = load_settings()

    assert (settings.task_queue, settings.test_mac) == ('of the "site"', "new")


@pytest.mark.usefixtures("dot_env")
def test_an_empty_variable_leaves_the_files_value_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_TASK_QUEUE", "")

    assert load_settings().task_queue == "from-dot-env"
