"""The ports of the stack: defaults, settings, and what is said where one is taken."""

import socket

import pytest

from embedded.errors import BadStackSetting, PortTaken
from embedded.ports import HOST, StackPorts, free_ports

SETTINGS = {
    "FAILOVER_UP_VMA_PORT": "the VMA simulator",
    "FAILOVER_UP_CLOUDSTACK_PORT": "the CloudStack simulator",
    "FAILOVER_UP_TEMPORAL_PORT": "the Temporal server",
    "FAILOVER_UP_UI_PORT": "the Temporal Web UI",
    "FAILOVER_UP_API_PORT": "the HTTP API",
    "FAILOVER_UP_REPLICATION_PORT": "the replication simulator",
}


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def test_the_defaults_are_the_job_sheets_ports() -> None:
    assert StackPorts.from_environment() == StackPorts(
        vma=9081, cloudstack=8080, temporal=7233, ui=8233, api=8082, replication=8083
    )


def test_each_setting_moves_its_own_port(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(SETTINGS, start=40001):
        monkeypatch.setenv(name, str(number))

    assert StackPorts.from_environment() == StackPorts(40001, 40002, 40003, 40004, 40005, 40006)


@pytest.mark.parametrize("value", ("", "http", "0", "65536", "-1", "80.5"))
@pytest.mark.parametrize("name", tuple(SETTINGS))
def test_a_value_that_is_no_port_is_refused_by_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BadStackSetting) as caught:
        StackPorts.from_environment()

    assert str(caught.value) == f"{name} must be a port number from 1 to 65535"
    assert caught.value.exit_code == 2


def test_every_wrong_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_UP_UI_PORT", "x")
    monkeypatch.setenv("FAILOVER_UP_VMA_PORT", "y")

    with pytest.raises(BadStackSetting) as caught:
        StackPorts.from_environment()

    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "FAILOVER_UP_UI_PORT",
        "FAILOVER_UP_VMA_PORT",
    ]


def test_two_parts_cannot_share_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_UP_UI_PORT", "8080")

    with pytest.raises(
        BadStackSetting, match="FAILOVER_UP_CLOUDSTACK_PORT and FAILOVER_UP_UI_PORT must differ"
    ):
        StackPorts.from_environment()


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("host", (HOST, "0.0.0.0"), ids=("loopback", "all-addresses"))  # noqa: S104 - a listener as others have it
def test_a_taken_port_names_itself_its_user_and_its_setting(host: str, position: int) -> None:
    numbers = free_ports(6)
    setting, user = list(SETTINGS.items())[position]
    with socket.socket() as other:
        other.bind((host, numbers[position]))
        other.listen()

        with pytest.raises(PortTaken) as caught:
            StackPorts(*numbers).refuse_taken()

    message = str(caught.value)
    assert message.count("\n") == 0
    for part in (str(numbers[position]), user, setting):
        assert part in message
    assert caught.value.exit_code == 2


def test_all_taken_ports_are_named_at_once() -> None:
    numbers = free_ports(6)
    with (
        socket.create_server((HOST, numbers[0])),
        socket.create_server((HOST, numbers[3])),
        pytest.raises(PortTaken) as caught,
    ):
        StackPorts(*numbers).refuse_taken()

    assert len(str(caught.value).splitlines()) == 2


def test_a_connection_that_lingers_after_its_server_is_gone_takes_no_port() -> None:
    number = free_ports(1)[0]
    with socket.create_server((HOST, number)) as server, socket.create_connection((HOST, number)) as caller:
        accepted, _ = server.accept()
        # The side that closes first keeps the port in TIME_WAIT.
        accepted.close()
        assert caller.recv(1) == b""

    StackPorts(number, *free_ports(5)).refuse_taken()


def test_free_ports_are_distinct_and_below_those_of_outgoing_connections() -> None:
    numbers = free_ports(50)

    assert len(set(numbers)) == 50
    assert max(numbers) < 32768
    ports = StackPorts.free()
    ports.refuse_taken()
    numbers = [ports.vma, ports.cloudstack, ports.temporal, ports.ui, ports.api, ports.replication]
    assert len(set(numbers)) == 6
