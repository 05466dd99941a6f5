"""What is printed where: pipes, terminals, help, completion, and a Temporal that is not there."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.codes import ExitCode
from cli.output import Output
from embedded.environment import PROJECT_ROOT, child_environment
from embedded.ports import free_ports
from embedded.seed import PGTEST1_CONTEXT
from tests.cli.command import FailoverCommand, Printed, ended
from tests.support.site import TEST, Site

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COMMANDS = ("start", "status", "list", "watch", "cancel", "explain", "mappings list")
_SCRIPT = PROJECT_ROOT / "failover"


async def test_nothing_that_is_piped_has_a_control_code(site: Site, failover: FailoverCommand) -> None:
    run = await site.run(TEST)
    commands = (
        ("start", PGTEST1_CONTEXT, "--type", "live", "--wait"),
        ("watch", run.workflow_id),
        ("status", run.workflow_id),
        ("list",),
        ("explain", PGTEST1_CONTEXT),
        ("mappings", "list", PGTEST1_CONTEXT),
        ("status", "nobody"),
        ("start", "--help"),
        ("nonsense",),
    )
    # What a build server sets to have colours changes nothing about a pipe.
    told = await failover.each(*commands, TERM="xterm-256color", COLUMNS="60")
    for arguments, printed in zip(commands, told, strict=True):
        assert not _CONTROL.search(printed.output + printed.errors), arguments
        assert printed.output + printed.errors


async def test_a_name_from_elsewhere_neither_steers_a_terminal_nor_fakes_a_row(
    site: Site, failover: FailoverCommand
) -> None:
    nasty, shown = "'pg' || char(27) || '[2J' || char(10) || 'x [red] :dog:'", "pg\\x1b[2J\\nx [red] :dog:"
    await site.sql(
        f"UPDATE vm_replication_contexts SET vm_name = {nasty} WHERE context_id = '{PGTEST1_CONTEXT}'",
        f"UPDATE network_mappings SET source_network_name = {nasty} WHERE id = 1",
    )
    explained, listed = await asyncio.gather(
        failover("explain", PGTEST1_CONTEXT), failover("mappings", "list", PGTEST1_CONTEXT)
    )
    for printed in (explained, listed):
        assert not _CONTROL.search(printed.output + printed.errors)
        assert shown in printed.output
    assert explained.output.startswith(f"{shown} ({PGTEST1_CONTEXT})\n")
    assert len(listed.output.splitlines()) == 5


def test_a_problem_is_told_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=False)
    output.problem("refused: \x1b]0;title\x07\r\n\u202efake")
    output.warning("tab\there, \x9b, \udcff and \u00e9")
    assert tuple(capsys.readouterr()) == (
        "warning: tab\\there, \\x9b, \\udcff and \u00e9\n",
        "refused: \\x1b]0;title\\x07\\r\\n\\u202efake\n",
    )


async def test_rows_are_never_cut_or_wrapped_however_narrow_it_is(failover: FailoverCommand) -> None:
    narrow = await failover("mappings", "list", PGTEST1_CONTEXT, COLUMNS="20")
    wide = await failover("mappings", "list", PGTEST1_CONTEXT, COLUMNS="200")
    assert narrow.output == wide.output
    assert len(narrow.output.splitlines()) == 5


async def test_a_terminal_gets_colours_progress_and_hints(site: Site, failover: FailoverCommand) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "start", PGTEST1_CONTEXT, "--type", "test", "--wait"),
        env=failover.environment | {"TERM": "xterm-256color", "COLUMNS": "200"},
        cwd=failover.home,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = await asyncio.to_thread(_read_all, ours)
    assert await process.wait() == 0
    assert "\x1b[" in written
    assert "accepted: test failover of pgtest1" in written
    assert "Resolve 2 NICs for test" in written
    assert "completed: test failover of pgtest1" in written
    assert len(site.running()) == 1


async def test_help_tells_the_options_and_the_exit_codes(failover: FailoverCommand) -> None:
    told = await failover.each(*((*command.split(), "--help") for command in _COMMANDS))
    for command, printed in zip(_COMMANDS, told, strict=True):
        assert printed.code == 0, command
        text = " ".join(printed.output.split())
        assert text.startswith(f"Usage: failover {command} ")
        assert "--json" in text
        assert "--address" in text
        for code in ExitCode:
            assert re.search(rf"\b{code.value} [A-Za-z]", text), (command, code)


async def test_without_a_command_the_help_is_shown(failover: FailoverCommand) -> None:
    printed = await failover()
    assert printed.code == 2
    for command in _COMMANDS:
        assert command.partition(" ")[0] in printed.output + printed.errors


async def test_a_temporal_that_is_not_there_has_its_own_exit_code(failover: FailoverCommand) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    for command in (("list",), ("watch", "x"), ("start", PGTEST1_CONTEXT, "--type", "live")):
        printed = await failover(*command, "--address", address, TEMPORAL_API_KEY="made-up-secret")
        assert printed == Printed(5, "", f"TemporalUnreachable: no Temporal server answers at {address}\n")
    as_json = await failover("list", "--address", address, "--json")
    assert as_json.code == 5
    assert as_json.json()["error"]["type"] == "TemporalUnreachable"


async def test_a_namespace_that_is_not_there(failover: FailoverCommand) -> None:
    printed = await failover("list", "--namespace", "no-such-namespace")
    assert printed.code == 5
    assert "no-such-namespace" in printed.errors


@pytest.mark.parametrize(
    "setting",
    (
        {"TEMPORAL_PROFILE": "no-such-profile"},
        {"TEMPORAL_CONFIG_FILE": "broken.toml"},
        {"TEMPORAL_TLS_CLIENT_CERT_PATH": "/no/such/file"},
        {"TEMPORAL_ADDRESS": "::::"},
    ),
    ids=lambda setting: next(iter(setting)),
)
async def test_settings_of_temporal_that_cannot_be_used(
    failover: FailoverCommand, setting: dict[str, str]
) -> None:
    (failover.home / "broken.toml").write_text('api_key = "made-up-secret" [')
    printed = await failover("list", **setting)
    assert printed.code == 2
    assert printed.errors.startswith("TemporalMisconfigured: ")
    assert "made-up-secret" not in printed.errors
    assert "Traceback" not in printed.errors


async def test_a_reader_that_goes_away_is_no_accident(site: Site, failover: FailoverCommand) -> None:
    run = await site.run(TEST)
    process = await failover.begin("watch", run.workflow_id)
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]  # as `| head` does
    printed = await ended(process)
    assert "Traceback" not in printed.errors


def _script(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(_SCRIPT), *arguments],
        cwd=home,
        env=child_environment(home, settings),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("shell", ("bash", "zsh", "fish"))
def test_the_completion_script_is_printed(tmp_path: Path, shell: str) -> None:
    printed = _script(tmp_path, _FAILOVER_COMPLETE=f"source_{shell}")
    assert printed.returncode == 0, printed.stderr
    assert f"_FAILOVER_COMPLETE=complete_{shell}" in printed.stdout


def test_completion_is_installed_and_completes(tmp_path: Path) -> None:
    script = f"{_SCRIPT} --install-completion; echo installed"
    installed = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=tmp_path,
        env=child_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "bash completion installed" in installed.stdout, installed.stderr
    assert (tmp_path / ".bash_completions" / "failover.sh").is_file()
    assert "failover.sh" in (tmp_path / ".bashrc").read_text()

    def completed(words: str, position: int) -> list[str]:
        settings = {
            "_FAILOVER_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
        }
        return _script(tmp_path, **settings).stdout.split()

    assert completed("failover st", 1) == ["start", "status"]
    assert completed("failover start --type ", 3) == ["live", "test"]
    assert "--in-flight" in completed("failover start --in", 2)


def test_the_script_of_the_repository_runs_from_everywhere(tmp_path: Path) -> None:
    printed = _script(tmp_path, "--help")
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.startswith("Usage: failover ")


def test_the_script_says_when_nothing_is_installed_yet(tmp_path: Path) -> None:
    copy = tmp_path / "failover"
    copy.write_text(_SCRIPT.read_text())
    copy.chmod(0o755)
    printed = subprocess.run([str(copy)], capture_output=True, text=True, check=False)
    assert printed.returncode == 2
    assert "make demo" in printed.stderr


def test_the_documentation_names_every_command_option_and_exit_code(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for command in _COMMANDS:
        assert f"failover {command}" in text
        options = set(re.findall(r"--[a-z][a-z-]+", _script(tmp_path, *command.split(), "--help").stdout))
        missing = sorted(option for option in options - {"--help"} if f"`{option}" not in text)
        assert not missing, command
    for code in ExitCode:
        assert f"| {code.value} |" in text


def _read_all(descriptor: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            # What a terminal answers with when its other end is closed.
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()
