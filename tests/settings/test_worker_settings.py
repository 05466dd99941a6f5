"""Each setting: its default, another value, and a wrong one that is named and never quoted."""

from pathlib import Path

import pytest

from cloudstack.transport import LONGEST_EXPIRY
from rules.disks import DisksMode, DrillDisks
from rules.policy import FailoverPolicy, MacPolicy, TestFallback
from settings import SettingsError, WorkerSettings, load_settings
from settings.policy import PolicySettings
from tests.settings.authority import authority
from tests.settings.catalogue import DEFAULTS, FIELDS, REQUIRED, SECRETS, value_of

MARK = "zq9-never-shown"
SECONDS = tuple(name for name in DEFAULTS if name.endswith("_SECONDS"))
THIRTY_DAYS = 2_592_000


def problems() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).splitlines() == caught.value.problems
    return caught.value.problems


def test_the_settings_are_these_and_no_others() -> None:
    assert set(FIELDS) == set(DEFAULTS)


@pytest.mark.parametrize("name", [name for name, value in DEFAULTS.items() if value != REQUIRED])
def test_a_setting_has_its_default(name: str) -> None:
    assert value_of(load_settings(), name) == DEFAULTS[name]


def test_the_one_required_setting_is_missed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAILOVER_DATABASE_URL")

    assert problems() == ["FAILOVER_DATABASE_URL: Field required"]


@pytest.mark.parametrize("name", list(DEFAULTS))
def test_a_setting_that_is_set_to_nothing_is_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    if DEFAULTS[name] == REQUIRED:
        assert problems() == [f"{name}: Field required"]
    else:
        assert value_of(load_settings(), name) == DEFAULTS[name]


@pytest.mark.parametrize(
    "given",
    (
        {"FAILOVER_DATABASE_URL": "mysql+asyncmy://u:p%40ss@db.example.com:3306/migratekit_oma"},
        {"FAILOVER_DATABASE_POOL_SIZE": "9"},
        {"MIGRATEKIT_CRED_ENCRYPTION_KEY": "bWFkZSB1cA=="},
        {
            "CLOUDSTACK_ENDPOINT": "https://cloud.example.com/client/api",
            "CLOUDSTACK_KEY": "made-up-key",
            "CLOUDSTACK_SECRET": "made-up-secret",
        },
        {"FAILOVER_OWNER_ACCOUNT": "dr", "FAILOVER_OWNER_DOMAIN_ID": "a-domain"},
        {"FAILOVER_OWNER_PROJECT_ID": "a-project"},
        {"VMA_URL": "http://127.0.0.1:19081"},
        {"VMA_VCENTER_USERNAME": "somebody", "VMA_VCENTER_PASSWORD": "made-up-password"},
        {"FAILOVER_DEFAULT_TEST_NETWORK_ID": "a-network"},
        {"FAILOVER_TEST_FALLBACK": "refuse"},
        {"FAILOVER_LIVE_MAC": "new"},
        {"FAILOVER_TEST_MAC": "new"},
        {"FAILOVER_CPU_SPEED_MHZ": "2400"},
        {"FAILOVER_DISKS": "none"},
        {"FAILOVER_DRILL_DISKS": "replica"},
        {"FAILOVER_MAX_DATA_DISKS": "0"},
        {"FAILOVER_MAX_DATA_DISKS": "13"},
        {"FAILOVER_POOL_RESERVE_PERCENT": "0"},
        {"FAILOVER_POOL_RESERVE_PERCENT": "12.5"},
        {"FAILOVER_CONVERT_UNKNOWN_GUEST": "false"},
        {"FAILOVER_SNAPSHOT_SET_TRIES": "1"},
        {"FAILOVER_CONVERSION_TRIES": "100"},
        {"REPLICATION_URL": "http://127.0.0.1:18082", "REPLICATION_TOKEN": "made-up-token"},
        {"VOLUME_DAEMON_URL": "http://127.0.0.1:8090"},
        {"FAILOVER_CHECK_COMMAND": "/usr/local/bin/check --port 443"},
        {"FAILOVER_TASK_QUEUE": "another"},
        {"FAILOVER_MAX_ACTIVITIES": "7"},
        {"FAILOVER_LOG_FORMAT": "console"},
        *({name: "12.5"} for name in SECONDS),
        *({name: str(THIRTY_DAYS)} for name in SECONDS[:1]),
        *({"FAILOVER_CREATE_EXPIRY_SECONDS": value} for value in ("1", f"{LONGEST_EXPIRY:g}")),
    ),
    ids="+".join,
)
def test_a_setting_is_what_the_environment_says(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()

    assert {name: value_of(settings, name) for name in given} == {
        name: f"{float(value):g}" if name in SECONDS else value for name, value in given.items()
    }


@pytest.mark.parametrize(
    ("name", "value"),
    (
        ("FAILOVER_DATABASE_URL", MARK),
        ("FAILOVER_DATABASE_URL", f"postgresql://{MARK}"),
        ("FAILOVER_DATABASE_URL", f"mysql+pymysql://u:{MARK}@db/name"),
        ("FAILOVER_DATABASE_URL", f"mysql+asyncmy://u:p@x:{MARK}@db/name"),
        ("FAILOVER_DATABASE_URL", f"mysql+asyncmy://u:{MARK}:@db:port/name"),
        ("FAILOVER_DATABASE_POOL_SIZE", "0"),
        ("FAILOVER_DATABASE_POOL_SIZE", "2.5"),
        ("FAILOVER_DATABASE_POOL_SIZE", MARK),
        ("CLOUDSTACK_CA_FILE", f"/{MARK}/ca.pem"),
        ("VMA_URL", MARK),
        ("VMA_URL", f"ftp://{MARK}"),
        ("VMA_URL", f"http://{MARK}:secret@localhost:9081"),
        ("VMA_URL", f"http://:{MARK}@localhost:9081"),
        ("CLOUDSTACK_ENDPOINT", f"http://{MARK}@localhost:8080/client/api"),
        ("FAILOVER_TEST_FALLBACK", MARK),
        ("FAILOVER_TEST_FALLBACK", "REFUSE"),
        ("FAILOVER_LIVE_MAC", MARK),
        ("FAILOVER_TEST_MAC", MARK),
        ("FAILOVER_CPU_SPEED_MHZ", "0"),
        ("FAILOVER_CPU_SPEED_MHZ", MARK),
        ("FAILOVER_DISKS", MARK),
        ("FAILOVER_DISKS", "NONE"),
        ("FAILOVER_DRILL_DISKS", MARK),
        ("FAILOVER_MAX_DATA_DISKS", "-1"),
        ("FAILOVER_MAX_DATA_DISKS", MARK),
        ("FAILOVER_POOL_RESERVE_PERCENT", "-0.5"),
        ("FAILOVER_POOL_RESERVE_PERCENT", "100"),
        ("FAILOVER_POOL_RESERVE_PERCENT", "nan"),
        ("FAILOVER_CONVERT_UNKNOWN_GUEST", MARK),
        ("FAILOVER_SNAPSHOT_SET_TRIES", "0"),
        ("FAILOVER_CONVERSION_TRIES", "101"),
        ("REPLICATION_URL", MARK),
        ("REPLICATION_URL", f"http://{MARK}:secret@localhost:8082"),
        ("VOLUME_DAEMON_URL", f"http://{MARK}@localhost:8090"),
        ("FAILOVER_CHECK_COMMAND", f"check '{MARK}"),
        ("FAILOVER_MAX_ACTIVITIES", "0"),
        ("FAILOVER_MAX_ACTIVITIES", MARK),
        ("FAILOVER_LOG_FORMAT", MARK),
        *((name, value) for name in SECONDS for value in ("0", "-1", MARK)),
        *(("FAILOVER_CREATE_EXPIRY_SECONDS", value) for value in ("0.99", str(LONGEST_EXPIRY + 1))),
        *((name, value) for name in SECONDS for value in ("inf", "nan", str(THIRTY_DAYS + 1))),
    ),
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    (problem,) = problems()

    assert problem.startswith(f"{name}: ")
    assert MARK not in problem


def test_a_file_of_an_authority_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(authority())
    monkeypatch.setenv("CLOUDSTACK_CA_FILE", str(file))

    assert load_settings().cloudstack_ca_file == file


@pytest.mark.parametrize(
    "content",
    (
        b"",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nzq9-never-shown\n-----END CERTIFICATE-----\n",
        b"\xff\x00\xfe",
    ),
    ids=("empty", "text", "broken", "binary"),
)
def test_a_file_without_a_certificate_is_named_at_the_start(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"{MARK}.pem"
    file.write_bytes(content)
    monkeypatch.setenv("CLOUDSTACK_CA_FILE", str(file))

    assert problems() == ["CLOUDSTACK_CA_FILE: holds no certificate in PEM form that can be read"]


def test_a_folder_is_no_file_of_an_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSTACK_CA_FILE", str(tmp_path))

    assert problems() == ["CLOUDSTACK_CA_FILE: cannot be read (IsADirectoryError)"]


@pytest.mark.parametrize(
    ("given", "expected"),
    (
        (
            {"CLOUDSTACK_KEY": MARK},
            "CLOUDSTACK_ENDPOINT and CLOUDSTACK_SECRET: missing; set all three CLOUDSTACK_ settings or none",
        ),
        (
            {"CLOUDSTACK_ENDPOINT": "http://localhost:8080/client/api", "CLOUDSTACK_KEY": MARK},
            "CLOUDSTACK_SECRET: missing; set all three CLOUDSTACK_ settings or none",
        ),
        (
            {"CLOUDSTACK_ENDPOINT": "http://localhost/", "CLOUDSTACK_KEY": "", "CLOUDSTACK_SECRET": MARK},
            "CLOUDSTACK_KEY: missing; set all three CLOUDSTACK_ settings or none",
        ),
        (
            {"FAILOVER_OWNER_ACCOUNT": MARK},
            "FAILOVER_OWNER_ACCOUNT and FAILOVER_OWNER_DOMAIN_ID go together",
        ),
        (
            {"FAILOVER_OWNER_DOMAIN_ID": MARK},
            "FAILOVER_OWNER_ACCOUNT and FAILOVER_OWNER_DOMAIN_ID go together",
        ),
        (
            {
                "FAILOVER_OWNER_ACCOUNT": MARK,
                "FAILOVER_OWNER_DOMAIN_ID": MARK,
                "FAILOVER_OWNER_PROJECT_ID": MARK,
            },
            "FAILOVER_OWNER_PROJECT_ID: an owner is an account or a project, not both",
        ),
        (
            {"REPLICATION_TOKEN": MARK},
            "REPLICATION_TOKEN goes with REPLICATION_URL",
        ),
        (
            {"VMA_VCENTER_USERNAME": MARK},
            "VMA_VCENTER_USERNAME and VMA_VCENTER_PASSWORD go together",
        ),
        (
            {"VMA_VCENTER_PASSWORD": MARK},
            "VMA_VCENTER_USERNAME and VMA_VCENTER_PASSWORD go together",
        ),
    ),
)
def test_settings_that_go_together_are_missed_by_name(
    given: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert problems() == [expected]


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAILOVER_DATABASE_URL")
    monkeypatch.setenv("FAILOVER_LOG_FORMAT", "xml")
    monkeypatch.setenv("VMA_TIMEOUT_SECONDS", "soon")

    assert [line.partition(":")[0] for line in problems()] == [
        "FAILOVER_DATABASE_URL",
        "VMA_TIMEOUT_SECONDS",
        "FAILOVER_LOG_FORMAT",
    ]


def test_all_pairs_that_are_torn_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSTACK_KEY", MARK)
    monkeypatch.setenv("FAILOVER_OWNER_ACCOUNT", MARK)
    monkeypatch.setenv("VMA_VCENTER_USERNAME", MARK)

    assert len(problems()) == 3
    assert not [line for line in problems() if MARK in line]


def _give_all_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, MARK)
    monkeypatch.setenv("FAILOVER_DATABASE_URL", f"mysql+asyncmy://u:{MARK}@db/name")
    monkeypatch.setenv("CLOUDSTACK_ENDPOINT", "https://cloud.example.com/client/api")
    monkeypatch.setenv("VMA_VCENTER_USERNAME", "somebody")
    monkeypatch.setenv("REPLICATION_URL", "http://127.0.0.1:18082")


def test_no_secret_is_in_what_the_settings_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    _give_all_secrets(monkeypatch)
    settings = load_settings()

    assert {name for name in DEFAULTS if MARK in value_of(settings, name)} == set(SECRETS)
    assert MARK not in repr(settings)
    assert MARK not in str(settings)
    assert MARK not in settings.model_dump_json()
    assert MARK not in settings.policy.model_dump_json()


def test_no_secret_is_in_an_error_or_in_what_it_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    _give_all_secrets(monkeypatch)
    monkeypatch.delenv("CLOUDSTACK_ENDPOINT")
    monkeypatch.setenv("FAILOVER_DATABASE_URL", f"oracle://u:{MARK}@db/name")
    with pytest.raises(SettingsError) as caught:
        load_settings()

    error: BaseException | None = caught.value
    while error is not None:
        assert MARK not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


def test_a_run_gets_its_policy_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {name: str(number) for number, name in enumerate(SECONDS, start=100)}
    given = {
        **seconds,
        "FAILOVER_DEFAULT_TEST_NETWORK_ID": " a-network ",
        "FAILOVER_TEST_FALLBACK": "refuse",
        "FAILOVER_LIVE_MAC": "new",
        "FAILOVER_TEST_MAC": "new",
        "FAILOVER_CPU_SPEED_MHZ": "2400",
        "FAILOVER_DISKS": "none",
        "FAILOVER_DRILL_DISKS": "replica",
        "FAILOVER_MAX_DATA_DISKS": "13",
        "FAILOVER_POOL_RESERVE_PERCENT": "12.5",
        "FAILOVER_CONVERT_UNKNOWN_GUEST": "false",
        "FAILOVER_SNAPSHOT_SET_TRIES": "4",
        "FAILOVER_CONVERSION_TRIES": "5",
        "REPLICATION_URL": "http://127.0.0.1:18082",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    def of(name: str) -> float:
        return float(seconds[f"FAILOVER_{name}_SECONDS"])

    assert load_settings().policy == FailoverPolicy(
        test_fallback=TestFallback.REFUSE,
        default_test_network_id="a-network",
        live_mac=MacPolicy.NEW,
        test_mac=MacPolicy.NEW,
        cpu_speed_mhz=2400,
        source_budget_seconds=2 * float(seconds["VMA_TIMEOUT_SECONDS"]) + of("HEARTBEAT"),
        create_expiry_seconds=of("CREATE_EXPIRY"),
        clock_skew_seconds=of("CLOCK_SKEW"),
        create_budget_seconds=of("CREATE_BUDGET"),
        job_timeout_seconds=of("JOB_TIMEOUT"),
        start_budget_seconds=of("START_BUDGET"),
        start_retry_seconds=of("START_RETRY"),
        name_wait_seconds=of("NAME_WAIT"),
        undo_budget_seconds=of("UNDO_BUDGET"),
        heartbeat_seconds=of("HEARTBEAT"),
        disks=DisksMode.NONE,
        drill_disks=DrillDisks.REPLICA,
        max_data_disks=13,
        pool_reserve_percent=12.5,
        convert_unknown_guest=False,
        replication_configured=True,
        power_off_grace_seconds=of("POWER_OFF_GRACE"),
        power_off_budget_seconds=of("POWER_OFF_BUDGET"),
        source_poll_seconds=of("SOURCE_POLL"),
        source_watch_seconds=of("SOURCE_WATCH"),
        sync_poll_seconds=of("SYNC_POLL"),
        sync_stall_seconds=of("SYNC_STALL"),
        quiet_wait_seconds=of("QUIET_WAIT"),
        snapshot_base_seconds=of("SNAPSHOT_BASE"),
        snapshot_seconds_per_gb=of("SNAPSHOT_PER_GB"),
        snapshot_set_tries=4,
        conversion_timeout_seconds=of("CONVERSION_TIMEOUT"),
        conversion_queue_seconds=of("CONVERSION_QUEUE"),
        conversion_tries=5,
        guest_check_seconds=of("GUEST_CHECK"),
        test_duration_seconds=of("TEST_DURATION"),
        max_test_duration_seconds=of("MAX_TEST_DURATION"),
        cleanup_retry_seconds=of("CLEANUP_RETRY"),
        move_pause_seconds=of("MOVE_PAUSE"),
        conversion_pause_seconds=of("CONVERSION_PAUSE"),
        name_poll_seconds=of("NAME_POLL"),
    )


def test_every_field_of_the_policy_has_a_setting_or_follows_from_some() -> None:
    derived = {"source_budget_seconds", "replication_configured"}

    assert set(FailoverPolicy.model_fields) == set(PolicySettings.model_fields) | derived


def test_who_lowers_the_longest_test_lowers_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_MAX_TEST_DURATION_SECONDS", "60")

    assert load_settings().policy.test_duration_seconds == 60


def test_without_an_address_of_replication_the_policy_says_so() -> None:
    assert load_settings().policy.replication_configured is False


def test_the_check_command_is_split_as_a_shell_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().check_words == ()
    monkeypatch.setenv("FAILOVER_CHECK_COMMAND", "check --name 'two words' --port 443")

    assert load_settings().check_words == ("check", "--name", "two words", "--port", "443")


def test_a_policy_survives_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_NAME_WAIT_SECONDS", "0.25")
    policy = load_settings().policy

    assert FailoverPolicy.model_validate_json(policy.model_dump_json()) == policy


def test_settings_do_not_change_while_a_worker_runs() -> None:
    settings = load_settings()

    with pytest.raises(ValueError, match="frozen"):
        settings.job_poll = 1.0  # type: ignore[misc]  # this is what must not work
    assert isinstance(settings, WorkerSettings)
