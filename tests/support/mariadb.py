"""A private MariaDB for the test session, as a pytest plugin.

``pytest_plugins = ["tests.support.mariadb"]`` gives ``mariadb_server`` (one per session, started for the
first test that asks) and ``mariadb_url`` (a fresh, empty database per test). The server has its own data
directory, its own port on 127.0.0.1 and its own socket; a service of the system is neither started nor
touched.

It comes from the system's packages (installed with apt by root, without starting a service), else from a
container. Where neither can be had, the tests that need it say what is missing: they fail under ``CI=true``
and are skipped elsewhere.
"""

import contextlib
import functools
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PASSWORD = "made-up-password-of-the-tests"
"""Opens nothing but the private server, which listens on 127.0.0.1 only."""

_USER = "failover_test"
_IMAGE = "docker.io/library/mariadb:10.11"
_START_SECONDS = 90
_STOP_SECONDS = 20
_MEMORY_BYTES = 1024**3
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
_numbers = itertools.count(1)

_FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--innodb-fast-shutdown=2",
    "--sync-frm=0",
    "--skip-log-bin",
    "--skip-name-resolve",
)
"""The data are thrown away at the end, so nothing has to survive a power cut."""


class MariaDBMissing(Exception):
    """No MariaDB can be had here. The message says what to install."""


@dataclass(frozen=True)
class MariaDBServer:
    """A running server.

    Attributes:
        port: On 127.0.0.1.
        client: The command line client as the server's root.
        stop: Stops it; its data stay.
        start: Starts it again; :meth:`away` does both, and waits until it answers.
        root_password: Empty where root comes in through the socket.
    """

    port: int
    client: tuple[str, ...]
    stop: Callable[[], object] = field(repr=False)
    start: Callable[[], object] = field(repr=False)
    root_password: str = field(default="", repr=False)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Have the server away for as long as the block takes; only for a server of the test's own."""
        self.stop()
        try:
            yield
        finally:
            self.start()
            _wait_for(self, lambda: True, lambda: "it did not come back")

    def url(self, database: str, user: str = _USER) -> str:
        """Return the URL under which the product opens one of the server's databases."""
        return f"mysql+asyncmy://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str) -> str:
        """Run statements as root and return what they print, one line per row.

        Raises:
            subprocess.CalledProcessError: The server refused, or does not answer.
        """
        return subprocess.run(
            [*self.client, "--batch", "--skip-column-names"],
            input=statement,
            env={**os.environ, "MYSQL_PWD": self.root_password},
            capture_output=True,
            text=True,
            check=True,
        ).stdout


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install the package before the first test runs: that may take longer than a test may."""
    if session.config.option.collectonly:
        return
    if any(_needs_server(item) for item in session.items):
        with contextlib.suppress(MariaDBMissing):  # the fixture asks again, and says so
            find_server()


def _needs_server(item: pytest.Item) -> bool:
    """Tell whether a test names the server or has a parameter that does, as in ``[mariadb-appliance]``."""
    names = getattr(item, "fixturenames", ())
    return "mariadb_server" in names or "own_mariadb" in names or "mariadb" in item.name


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDBServer]:
    """The session's server."""
    with _server_or_reason() as server:
        yield server


@pytest.fixture
def own_mariadb() -> Iterator[MariaDBServer]:
    """A server of the test's own, which may be away for a while."""
    with _server_or_reason() as server:
        yield server


@contextlib.contextmanager
def _server_or_reason() -> Iterator[MariaDBServer]:
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(running_server())
        except MariaDBMissing as missing:
            if os.environ.get("CI", "").lower() == "true":
                pytest.fail(str(missing), pytrace=False)
            pytest.skip(str(missing))
        yield server


@pytest.fixture
def mariadb_url(mariadb_server: MariaDBServer) -> Iterator[str]:
    """The URL of a fresh database without a table, dropped afterwards."""
    with fresh_database(mariadb_server) as url:
        yield url


@contextlib.contextmanager
def fresh_database(server: MariaDBServer) -> Iterator[str]:
    """Create a database with the collation that MariaDB 10.11 gives by itself, and drop it at the end."""
    name = f"failover_test_{next(_numbers)}"
    server.sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    try:
        yield server.url(name)
    finally:
        server.sql(f"DROP DATABASE {name}")


@functools.cache
def find_server() -> str | None:
    """Return the server's program, installing it where that is allowed; None when a container has to do.

    Raises:
        MariaDBMissing: Neither is possible.
    """
    problem = ""
    if _program("mariadbd", "mysqld") is None and os.geteuid() == 0 and _program("apt-get") is not None:
        problem = _install()
    program = _program("mariadbd", "mysqld")
    if program is None and not _container_engine_answers():
        raise MariaDBMissing(
            "the tests need MariaDB: install the package mariadb-server (apt-get install "
            f"--no-install-recommends mariadb-server, as root), or start Docker. {problem}".rstrip()
        )
    return program


@contextlib.contextmanager
def running_server() -> Iterator[MariaDBServer]:
    """Start a private server and stop it at the end.

    Raises:
        MariaDBMissing: There is none to start.
    """
    program = find_server()
    with _from_package(program) if program is not None else _from_container() as server:
        server.sql(
            f"CREATE USER '{_USER}'@'%' IDENTIFIED BY '{PASSWORD}';"
            f"GRANT ALL ON *.* TO '{_USER}'@'%' WITH GRANT OPTION"
        )
        yield server


@contextlib.contextmanager
def _from_package(program: str) -> Iterator[MariaDBServer]:
    installer, client = _program("mariadb-install-db", "mysql_install_db"), _program("mariadb", "mysql")
    if installer is None or client is None:
        raise MariaDBMissing("MariaDB is incomplete here; install the package mariadb-server")
    with tempfile.TemporaryDirectory(prefix="failover-mariadb-", dir=_memory()) as name:
        folder = Path(name)
        log = folder / "log"
        common = ["--no-defaults", f"--datadir={folder / 'data'}"]
        if os.geteuid() == 0:
            common.append("--user=root")
        made = subprocess.run(
            [installer, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            pytest.fail(f"mariadb-install-db failed:\n{made.stdout}\n{made.stderr}", pytrace=False)
        port, sock = _free_port(), folder / "sock"
        own = [
            f"--socket={sock}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={folder / 'pid'}",
        ]
        process = _Process([*_dies_with_us(), program, *common, *own, *_FAST], log)
        process.start()
        try:
            as_root = (client, "--no-defaults", f"--socket={sock}", "--user=root")
            server = MariaDBServer(port, as_root, process.stop, process.start)
            _wait_for(server, process.runs, lambda: log.read_text(errors="replace"))
            yield server
        finally:
            process.stop()


@contextlib.contextmanager
def _from_container() -> Iterator[MariaDBServer]:
    name, port = f"failover-test-{secrets.token_hex(4)}", _free_port()
    options = ["--publish", f"127.0.0.1:{port}:3306", "--tmpfs", "/var/lib/mysql"]
    started = _docker(
        "run", "--rm", "--detach", "--name", name, *options, "--env", f"MARIADB_ROOT_PASSWORD={PASSWORD}",
        _IMAGE, *_FAST,
    )  # fmt: skip
    if started.returncode != 0:
        raise MariaDBMissing(f"no MariaDB from a package, and no container: {started.stderr.strip()}")
    try:
        # Over TCP: while the image prepares the data directory, its server listens on the socket only.
        inside = (_program("docker") or "", "exec", "--interactive", "--env", "MYSQL_PWD", name, "mariadb")
        as_root = (*inside, "--host=127.0.0.1", "--user=root")
        # A container that stops is removed; one that pauses does not answer either.
        pause, unpause = (functools.partial(_docker, order, name) for order in ("pause", "unpause"))
        server = MariaDBServer(port, as_root, pause, unpause, PASSWORD)
        _wait_for(
            server,
            lambda: bool(_docker("ps", "--quiet", "--filter", f"name={name}").stdout.strip()),
            lambda: _docker("logs", name).stderr,
        )
        yield server
    finally:
        _docker("rm", "--force", name)


def _wait_for(server: MariaDBServer, alive: Callable[[], bool], log: Callable[[], str]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.sql("SELECT 1")
        except subprocess.CalledProcessError:
            if not alive() or time.monotonic() > deadline:
                pytest.fail(f"the private MariaDB did not start:\n{log()[-4000:]}", pytrace=False)
            time.sleep(0.05)
        else:
            return


class _Process:
    """The server as a process that can be started again.

    Args:
        command: Program and arguments.
        log: Where it writes.
    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = list(command)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _memory() -> str | None:
    """Return a folder in memory that is large enough: every CREATE TABLE waits for the disk ten times."""
    folder = Path("/dev/shm")  # noqa: S108 - the folder that is made in it is private
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return None
    return str(folder) if shutil.disk_usage(folder).free > _MEMORY_BYTES else None


def _dies_with_us() -> Sequence[str]:
    """Have the kernel stop the server when the tests are killed and cannot do it themselves."""
    setpriv = _program("setpriv")
    return () if setpriv is None else (setpriv, "--pdeathsig", "TERM")


def _install() -> str:
    """Install the package and return what went wrong, empty when nothing did."""
    # The policy file keeps the package from starting a service; one that is there already stays in charge.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
        policy.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        wanted = ("install", "--yes", "--no-install-recommends", "mariadb-server")
        for arguments in (("update",), wanted):
            done = subprocess.run(
                [_program("apt-get") or "", *arguments],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        return "" if done.returncode == 0 else f"apt-get failed: {done.stderr.strip()[-500:]}"
    finally:
        if ours:
            policy.unlink()


def _container_engine_answers() -> bool:
    return _program("docker") is not None and _docker("info").returncode == 0


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    docker = _program("docker") or ""
    return subprocess.run([docker, *arguments], capture_output=True, text=True, check=False)


def _program(*names: str) -> str | None:
    return next((found for name in names if (found := shutil.which(name, path=_PATH))), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
