"""The supervisor, on real small processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from huracan_assets.resources.processes import (
    Service,
    ServiceError,
    dagster_webserver,
    down,
    embedded_postgres,
    is_listening,
    mlflow_server,
    start,
    status,
    stop,
    up,
)

HTTP = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(os.environ.get("GREETING", "").encode())
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PATIENT = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PATIENT


def python(name: str, code: str, *arguments: str, **options: object) -> Service:
    return Service(name, (sys.executable, "-c", textwrap.dedent(code), *arguments), **options)  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    down(tmp_path, grace_s=2)


def test_services_start_in_order_answer_and_stop_in_reverse(home: Path) -> None:
    port = free_port()
    first = python("first", PATIENT, ready_line="ready")
    second = python("second", HTTP, str(port), port=port, health_path="/health")
    running = up(home, {"GREETING": "hello"}, [first, second])
    assert [(one.name, one.already) for one in running] == [("first", False), ("second", False)]
    assert is_listening(port)
    assert [one.name for one in status(home)] == ["first", "second"]
    assert psutil.Process(running[1].pid).environ()["GREETING"] == "hello"
    assert [(one.name, one.outcome) for one in down(home)] == [("second", "stopped"), ("first", "stopped")]
    assert status(home) == []
    assert not any(psutil.pid_exists(one.pid) for one in running)
    assert not is_listening(port)


@pytest.mark.parametrize("how", ["blocked", "ignored"])
def test_a_service_stops_although_its_starter_was_deaf_to_sigterm(home: Path, how: str) -> None:
    """`nohup huracan up`, or a library that blocks signals, must not make a service that only SIGKILL ends."""
    before = signal.getsignal(signal.SIGTERM)
    if how == "blocked":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        up(home, {}, [python("one", PATIENT, ready_line="ready")])
        assert [one.outcome for one in down(home, grace_s=3)] == ["stopped"]
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        signal.signal(signal.SIGTERM, before)


def test_a_running_service_is_left_as_it_is(home: Path) -> None:
    service = python("one", PATIENT, ready_line="ready")
    [before] = up(home, {}, [service])
    [after] = up(home, {}, [service])
    assert (after.pid, before.already, after.already) == (before.pid, False, True)


@contextmanager
def left_behind(home: Path, service: Service) -> Iterator[int]:
    # What an `up` that was interrupted leaves: a process of this home that lives, and has not answered yet.
    file = home / "run" / f"{service.name}.json"
    child = subprocess.Popen(service.command, env={**os.environ, "HURACAN_SERVICE": str(file.resolve())})
    file.parent.mkdir()
    created = psutil.Process(child.pid).create_time()
    file.write_text(json.dumps({"pid": child.pid, "created": created, "url": service.url}))
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()


def test_a_service_that_lives_is_waited_for_until_it_answers(home: Path) -> None:
    port = free_port()
    service = python("late", HTTP, str(port), port=port, health_path="/health")
    with left_behind(home, service) as pid:
        [running] = up(home, {}, [service])
        assert (running.pid, running.already, is_listening(port)) == (pid, True, True)


def test_a_service_that_lives_and_does_not_answer_is_named_and_left_alone(home: Path) -> None:
    service = python("hung", PATIENT, port=free_port(), health_path="/health", deadline_s=0.4)
    with left_behind(home, service) as pid:
        with pytest.raises(ServiceError, match=rf"hung was not ready in 0.4 s(.|\n)*process {pid}.*`huracan down`"):
            up(home, {}, [service])
        assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_service_that_dies_shows_its_last_words_and_takes_down_what_was_started(home: Path) -> None:
    services = [
        python("good", PATIENT, ready_line="ready"),
        python("bad", "import sys; print('no such table'); sys.exit(3)", ready_line="never"),
    ]
    with pytest.raises(ServiceError, match=r"bad ended with status 3(.|\n)*no such table"):
        up(home, {}, services)
    assert status(home) == []
    assert list((home / "run").iterdir()) == []


def test_a_failed_start_leaves_a_service_that_ran_before(home: Path) -> None:
    good = python("good", PATIENT, ready_line="ready")
    [before] = up(home, {}, [good])
    with pytest.raises(ServiceError):
        up(home, {}, [good, python("bad", "raise SystemExit(1)", ready_line="never")])
    assert [one.pid for one in status(home)] == [before.pid]


def test_a_silent_service_is_stopped_at_its_deadline(home: Path) -> None:
    port = free_port()
    with pytest.raises(ServiceError, match=r"mute was not ready in 0.4 s"):
        start(home, {}, python("mute", PATIENT, port=port, health_path="/", deadline_s=0.4))
    assert status(home) == []


def test_a_service_that_answers_but_says_that_it_failed_is_stopped(home: Path) -> None:
    code = "print('Error loading it', flush=True); " + PATIENT
    with pytest.raises(ServiceError, match=r"half runs but is of no use: Error loading"):
        start(home, {}, python("half", code, ready_line="ready", failure_line="Error loading"))
    assert status(home) == []


def test_a_postgres_that_does_not_start_is_never_taken_for_ready(tmp_path: Path, home: Path) -> None:
    """Whatever its error says: the path that it names holds the word."""
    already = tmp_path / "already"
    (already / "postgres" / "mine").mkdir(parents=True)
    told = r"postgres ended with status 1(.|\n)*already/postgres holds no Postgres cluster"
    with pytest.raises(ServiceError, match=told):
        start(home, {"HURACAN_HOME": str(already)}, embedded_postgres())
    assert status(home) == []


def test_a_command_that_does_not_exist_is_named(home: Path) -> None:
    with pytest.raises(ServiceError, match="ghost cannot start: /no/such/program"):
        start(home, {}, Service("ghost", ("/no/such/program",)))


def test_a_taken_port_is_refused_before_anything_starts(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        service = dagster_webserver({"HURACAN_DAGSTER_PORT": str(other.getsockname()[1])})
        with pytest.raises(ServiceError, match="set HURACAN_DAGSTER_PORT to a free port"):
            start(home, {}, service)
    assert not (home / "logs").exists()


def test_a_service_that_ignores_sigterm_is_killed_with_its_children(home: Path) -> None:
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]).wait()"
    running = start(home, {}, python("family", parent, ready_line="ready"))
    [child] = psutil.Process(running.pid).children()
    stop(home, "family", grace_s=0.5)
    assert not psutil.pid_exists(running.pid)
    assert not child.is_running()
    alone = start(home, {}, python("alone", STUBBORN, ready_line="ready"))
    assert stop(home, "alone", grace_s=0.5).outcome == "killed"
    assert not psutil.pid_exists(alone.pid)


def test_a_pid_that_now_belongs_to_another_process_is_never_signalled(home: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        (home / "run").mkdir()
        file = home / "run" / "stale.json"
        file.write_text(
            json.dumps({"pid": stranger.pid, "created": psutil.Process(stranger.pid).create_time(), "url": None})
        )
        assert status(home) == []
        assert [one.outcome for one in down(home)] == ["was not running"]
        assert stranger.poll() is None
        assert not file.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_two_homes_do_not_stop_each_other(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    running = start(home, {}, python("one", PATIENT, ready_line="ready"))
    (other / "run").mkdir()
    (other / "run" / "one.json").write_bytes((home / "run" / "one.json").read_bytes())
    assert [one.outcome for one in down(other)] == ["was not running"]
    assert psutil.pid_exists(running.pid)


def test_the_log_of_the_start_before_is_kept(home: Path) -> None:
    service = python("one", PATIENT, ready_line="ready")
    for _ in range(2):
        start(home, {}, service)
        stop(home, "one")
    assert sorted(file.name for file in (home / "logs").iterdir()) == ["one.log", "one.previous.log"]


def test_the_mlflow_password_is_not_on_its_command_line(home: Path) -> None:
    service = mlflow_server(home, {"HURACAN_MLFLOW_PORT": "5055"}, "postgresql+psycopg2://me:secret@db/mlflow")
    assert service.url == "http://127.0.0.1:5055"
    assert "secret" not in " ".join(service.command)


@pytest.mark.parametrize("port", ["0", "65536", "dagster", ""])
def test_a_port_variable_that_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(ServiceError, match="HURACAN_DAGSTER_PORT"):
        dagster_webserver({"HURACAN_DAGSTER_PORT": port})


def test_mlflow_serves_on_loopback_alone_and_stops_clean(home: Path) -> None:
    env = {"HURACAN_MLFLOW_PORT": str(free_port())}
    service = mlflow_server(home, env, f"sqlite:///{home}/mlflow.db")
    running = start(home, env, service)
    family = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
    listening = {
        (address.laddr.ip, address.laddr.port)
        for member in family
        for address in member.net_connections("tcp")
        if address.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", service.port)}
    assert all(member.environ()["MLFLOW_DISABLE_TELEMETRY"] == "true" for member in family)
    assert stop(home, "mlflow").outcome == "stopped"
    assert not any(member.is_running() for member in family)
    assert os.access(home / "logs" / "mlflow.log", os.R_OK)
