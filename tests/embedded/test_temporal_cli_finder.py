"""Each rung of the ladder that leads to a Temporal CLI, in its order."""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from embedded import temporal_build, temporal_cli
from embedded.errors import TemporalCliUnavailable
from embedded.makers import NotMade, run_bounded
from embedded.temporal_build import build_with_go, pinned_version
from embedded.temporal_cli import CliFinder
from embedded.temporal_download import download_with_sdk

Report = Callable[[str], None]


def write_program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def write_cli(path: Path, version: str = "1.8.2") -> Path:
    return write_program(path, f"echo 'temporal version {version} (Server 1.31.2, UI 2.50.1)'")


class Ladder:
    """A finder on an empty machine, with makers that a test can let succeed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {"PATH": str(root / "bin"), "HOME": str(root / "home")}
        self.lines: list[str] = []
        self.asked: list[str] = []
        self.makes: dict[str, str] = {}

    def finder(self) -> CliFinder:
        return CliFinder(
            self.lines.append,
            environ=self.environ,
            download=self._maker("download"),
            build=self._maker("build"),
        )

    def _maker(self, name: str) -> Callable[[Path, Mapping[str, str], Report], None]:
        def make(target: Path, _environ: Mapping[str, str], _report: Report) -> None:
            self.asked.append(name)
            if name not in self.makes:
                raise NotMade(f"no {name} here")
            write_program(target, self.makes[name])

        return make


GOOD = "echo 'temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)'"


@pytest.fixture
def ladder(tmp_path: Path) -> Ladder:
    return Ladder(tmp_path)


def test_the_named_cli_wins_over_every_other(ladder: Ladder) -> None:
    named = write_cli(ladder.root / "mine" / "temporal")
    write_cli(ladder.root / "bin" / "temporal")
    write_cli(ladder.finder().kept)
    ladder.environ["TEMPORAL_CLI"] = str(named)

    assert ladder.finder().find() == named
    assert ladder.lines == [
        f"Temporal CLI: {named} (from TEMPORAL_CLI; version 1.8.2 (Server 1.31.2, UI 2.50.1))"
    ]
    assert ladder.asked == []


@pytest.mark.parametrize(
    ("body", "said"),
    (
        (None, "is no executable file"),
        ("exit 3", "with exit code 3"),
        ("echo 'Temporal, a calendar 0.1'", "Temporal, a calendar 0.1"),
        (f"{GOOD}; exit 1", "with exit code 1"),
    ),
    ids=["missing", "fails", "another-program", "right-words-but-fails"],
)
def test_a_named_cli_that_cannot_be_used_is_an_error(ladder: Ladder, body: str | None, said: str) -> None:
    path = ladder.root / "mine" / "temporal"
    if body is not None:
        write_program(path, body)
    write_cli(ladder.root / "bin" / "temporal")
    ladder.environ["TEMPORAL_CLI"] = str(path)

    with pytest.raises(TemporalCliUnavailable) as caught:
        ladder.finder().find()

    assert "TEMPORAL_CLI" in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2
    assert ladder.asked == []


def test_a_folder_as_the_named_cli_is_an_error(ladder: Ladder) -> None:
    ladder.environ["TEMPORAL_CLI"] = str(ladder.root)

    with pytest.raises(TemporalCliUnavailable, match="no executable file"):
        ladder.finder().find()


def test_the_one_on_path_wins_over_the_kept_copy(ladder: Ladder) -> None:
    on_path = write_cli(ladder.root / "bin" / "temporal")
    write_cli(ladder.finder().kept)

    assert ladder.finder().find() == on_path
    assert "(from PATH;" in ladder.lines[0]


def test_another_program_called_temporal_on_path_is_passed_over(ladder: Ladder) -> None:
    write_program(ladder.root / "bin" / "temporal", "echo 'temporal anomalies, version 2'")
    kept = write_cli(ladder.finder().kept)

    assert ladder.finder().find() == kept
    assert ladder.lines == [
        f"Temporal CLI: {kept} (kept from an earlier run; version 1.8.2 (Server 1.31.2, UI 2.50.1))"
    ]


def test_the_kept_copy_saves_a_download_and_a_build(ladder: Ladder) -> None:
    kept = write_cli(ladder.finder().kept)

    assert ladder.finder().find() == kept
    assert ladder.asked == []


def test_the_cache_lies_where_xdg_says_and_names_the_version(ladder: Ladder) -> None:
    assert ladder.finder().kept == (
        ladder.root / "home" / ".cache" / "cloudstack-failover" / f"temporal-{pinned_version()}"
    )
    ladder.environ["XDG_CACHE_HOME"] = str(ladder.root / "elsewhere")
    assert ladder.finder().kept.is_relative_to(ladder.root / "elsewhere" / "cloudstack-failover")


def test_a_download_is_tried_before_a_build_and_is_kept(ladder: Ladder) -> None:
    ladder.makes = {"download": GOOD, "build": GOOD}

    found = ladder.finder().find()

    assert found == ladder.finder().kept
    assert ladder.asked == ["download"]
    assert "(downloaded by the SDK;" in ladder.lines[-1]
    assert ladder.finder().find() == found
    assert ladder.asked == ["download"]


@pytest.mark.parametrize("download", (None, "exit 1"), ids=["no-internet", "broken-download"])
def test_a_build_is_the_last_rung(ladder: Ladder, download: str | None) -> None:
    ladder.makes = {"build": GOOD} if download is None else {"download": download, "build": GOOD}

    assert ladder.finder().find() == ladder.finder().kept
    assert ladder.asked == ["download", "build"]
    assert "(built with Go;" in ladder.lines[-1]


def test_where_nothing_is_possible_the_message_says_what_to_install(ladder: Ladder) -> None:
    write_program(ladder.root / "bin" / "temporal", "exit 9")

    with pytest.raises(TemporalCliUnavailable) as caught:
        ladder.finder().find()

    message = str(caught.value)
    for part in (
        "with exit code 9",
        "no download here",
        "no build here",
        "TEMPORAL_CLI",
        "install Go",
        "internet",
    ):
        assert part in message


def test_nothing_unfinished_is_left_or_taken_for_a_cli(ladder: Ladder) -> None:
    ladder.makes = {"download": "exit 1", "build": "echo nonsense"}

    with pytest.raises(TemporalCliUnavailable):
        ladder.finder().find()

    left = sorted(path.name for path in ladder.finder().kept.parent.iterdir())
    assert left == [f"temporal-{pinned_version()}.lock"]


def test_two_makers_at_once_make_one(ladder: Ladder) -> None:
    second_waits = threading.Event()
    made: list[str] = []
    found: list[Path] = []

    def build(target: Path, _environ: Mapping[str, str], _report: Report) -> None:
        made.append(threading.current_thread().name)
        assert second_waits.wait(timeout=60)
        write_cli(target)

    def no_download(_target: Path, _environ: Mapping[str, str], _report: Report) -> None:
        raise NotMade("no internet")

    def report(line: str) -> None:
        if "another process" in line:
            second_waits.set()

    def search() -> None:
        finder = CliFinder(report, environ=ladder.environ, download=no_download, build=build)
        found.append(finder.find())

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
    assert found == [ladder.finder().kept] * 2


def test_without_go_there_is_no_build(tmp_path: Path) -> None:
    with pytest.raises(NotMade, match="`go` is not on PATH"):
        build_with_go(tmp_path / "temporal", {"PATH": str(tmp_path)}, print)


def test_a_build_asks_go_for_the_pinned_package_and_shows_that_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "asked"
    write_program(
        tmp_path / "bin" / "go",
        f'echo "$PWD $@" > {record}; while [ $# -gt 0 ]; do [ "$1" = -o ] && target=$2; shift; done\n'
        f'/bin/sleep 1; printf "#!/bin/sh\\n{GOOD}\\n" > "$target"; /bin/chmod 755 "$target"',
    )
    monkeypatch.setattr(temporal_build, "_REPORT_EVERY_SECONDS", 0.3)
    lines: list[str] = []
    target = tmp_path / "temporal"

    build_with_go(target, {"PATH": str(tmp_path / "bin")}, lines.append)

    asked = record.read_text()
    assert asked.startswith(f"{temporal_build.MODULE_FOLDER} build ")
    assert asked.rstrip().endswith(f"-o {target} github.com/temporalio/cli/cmd/temporal")
    assert f"Version={pinned_version()}" in asked
    assert "about 5 minutes" in lines[0]
    assert "still building, 0:00 elapsed" in lines[1]
    assert CliFinder(print).version(target).startswith("version 1.8.2")


def test_a_failed_build_tells_the_last_line_of_the_compiler(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "go", "echo first; echo 'go: module lookup disabled' >&2; exit 1")

    with pytest.raises(NotMade, match=r"^go: module lookup disabled$"):
        build_with_go(tmp_path / "temporal", {"PATH": str(tmp_path / "bin")}, print)


def test_the_sdk_download_fails_where_its_host_cannot_be_reached(tmp_path: Path) -> None:
    # A proxy that nobody listens at stands for "no internet", on a machine with internet too.
    environ = {
        "PATH": "/usr/bin:/bin",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }

    with pytest.raises(NotMade, match="download"):
        download_with_sdk(tmp_path / "temporal", environ, print)

    assert list(tmp_path.iterdir()) == []


def test_a_maker_that_takes_too_long_is_ended_with_all_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = write_program(tmp_path / "slow", f"sleep 300 & echo $! > {pid_file}; wait")

    with pytest.raises(NotMade, match="longer than 1 s"):
        run_bounded(
            [program],
            environ={"PATH": "/usr/bin:/bin"},
            folder=tmp_path,
            timeout_seconds=1,
            tick=lambda _: None,
        )

    state = subprocess.run(
        ["/bin/ps", "-o", "stat=", "-p", pid_file.read_text().strip()],
        capture_output=True,
        text=True,
        check=False,
    )
    # Gone, or a zombie that nobody has reaped yet.
    assert state.stdout.strip() in {"", "Z"}


def test_a_maker_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotMade, match="cannot be started: No such file"):
        run_bounded([tmp_path / "none"], environ={}, folder=tmp_path, timeout_seconds=1, tick=lambda _: None)


def test_a_maker_that_fails_without_a_word_tells_its_exit_code(tmp_path: Path) -> None:
    with pytest.raises(NotMade, match=r"^exit code 7$"):
        run_bounded(
            [sys.executable, "-c", "raise SystemExit(7)"],
            environ={},
            folder=tmp_path,
            timeout_seconds=60,
            tick=lambda _: None,
        )


def test_the_pinned_version_is_the_tool_modules() -> None:
    module = (temporal_build.MODULE_FOLDER / "go.mod").read_text()

    assert f"github.com/temporalio/cli v{pinned_version()}" in module
    assert "tool github.com/temporalio/cli/cmd/temporal" in module
    assert "replace github.com/temporalio/cli/cliext => " in module


def test_the_finder_of_the_stack_reads_this_process_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = write_cli(tmp_path / "temporal")
    monkeypatch.setenv("TEMPORAL_CLI", str(named))
    lines: list[str] = []

    assert temporal_cli.find_temporal_cli(lines.append) == named
    assert len(lines) == 1
