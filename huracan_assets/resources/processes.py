"""Services on this machine: started, watched until they answer, stopped by their own pid.

A service is a plain process in a session of its own. Its log is `<home>/logs/<name>.log` (the one before:
`<name>.previous.log`), its identity `<home>/run/<name>.json`. The system hands out a pid again and again, so
each service carries a mark in its environment, and only a process with that mark is ever stopped.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import orjson
import psutil

from huracan_assets.errors import HuracanError
from huracan_assets.resources.postgres import SERVED

LOOPBACK = "127.0.0.1"
POLL_S = 0.1
TAIL_LINES = 25
MARK = "HURACAN_SERVICE"
WORKSPACE = Path(__file__).resolve().parent.parent.parent / "workspace.yaml"
DAGSTER_PORT = 3000
MLFLOW_PORT = 5000
TELEMETRY_OFF = {"DAGSTER_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

STOPPING_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

Outcome = Literal["stopped", "killed", "was not running"]


class ServiceError(HuracanError):
    """A service did not start, died, or its port is taken."""


@dataclass(frozen=True)
class Service:
    """What to start, and how it says that it is ready: an HTTP path that answers 200, or words in its log.

    `failure_line` are words in the log of a service that answers and yet is of no use.
    """

    name: str
    command: tuple[str, ...]
    port: int | None = None
    port_variable: str | None = None
    health_path: str | None = None
    ready_line: str | None = None
    failure_line: str | None = None
    deadline_s: float = 120.0
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str | None:
        """Where it answers, if it has a port."""
        return None if self.port is None else f"http://{LOOPBACK}:{self.port}"


@dataclass(frozen=True)
class Running:
    """A process of ours that lives; `created` is its creation time in seconds of the epoch."""

    name: str
    pid: int
    created: float
    url: str | None
    already: bool = False


@dataclass(frozen=True)
class Stopped:
    """What became of a service that was told to stop."""

    name: str
    pid: int
    outcome: Outcome


def embedded_postgres() -> Service:
    """The process that holds the embedded Postgres open while others come and go."""
    command = (sys.executable, "-m", "huracan_assets.resources.postgres", "serve")
    return Service("postgres", command, ready_line=SERVED)


def mlflow_server(home: Path, env: Mapping[str, str], backend_uri: str) -> Service:
    """MLflow on loopback; its artifacts under `<home>/mlflow-artifacts`, its port `HURACAN_MLFLOW_PORT` or 5000.

    Args:
        backend_uri: SQLAlchemy URL; handed over in the environment, since a command line shows it to all.
    """
    port = _port(env, "HURACAN_MLFLOW_PORT", MLFLOW_PORT)
    artifacts = home / "mlflow-artifacts"
    return Service(
        "mlflow",
        (_script("mlflow"), "server", "--host", LOOPBACK, "--port", str(port), "--workers", "1"),
        port=port,
        port_variable="HURACAN_MLFLOW_PORT",
        health_path="/health",
        env={
            "MLFLOW_BACKEND_STORE_URI": backend_uri,
            "MLFLOW_DEFAULT_ARTIFACT_ROOT": artifacts.resolve().as_uri(),
            "MLFLOW_ARTIFACTS_DESTINATION": artifacts.resolve().as_uri(),
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
    )


def dagster_webserver(env: Mapping[str, str]) -> Service:
    """Dagster's web UI on loopback, port `HURACAN_DAGSTER_PORT` or 3000; it reads `DAGSTER_HOME`."""
    port = _port(env, "HURACAN_DAGSTER_PORT", DAGSTER_PORT)
    return Service(
        "dagster-webserver",
        (_script("dagster-webserver"), "-h", LOOPBACK, "-p", str(port), "-w", str(WORKSPACE)),
        port=port,
        port_variable="HURACAN_DAGSTER_PORT",
        health_path="/server_info",
        failure_line="Error loading repository location",
    )


def dagster_daemon() -> Service:
    """The process that runs Dagster's schedules, sensors, queue and backfills."""
    command = (_script("dagster-daemon"), "run", "-w", str(WORKSPACE))
    return Service("dagster-daemon", command, ready_line="Instance is configured with the following daemons")


def up(home: Path, env: Mapping[str, str], services: Sequence[Service]) -> list[Running]:
    """Start `services` in order, each once the one before it answers; running ones are left as they are, if they do.

    Args:
        home: holds `logs/` and `run/`.
        env: set for every service, on top of this process's own environment.

    Raises:
        ServiceError: a port is taken, a service died or stayed silent past its deadline. What this call had
            started is stopped again; the message carries the tail of the log.
    """
    started: list[Running] = []
    try:
        for service in services:
            started.append(start(home, env, service))
    except ServiceError:
        for running in reversed(started):
            if not running.already:
                stop(home, running.name)
        raise
    return started


def down(home: Path, grace_s: float = 30.0) -> list[Stopped]:
    """Stop every service of `home`, the youngest first; after `grace_s` seconds each is killed."""
    files = sorted((home / "run").glob("*.json"))
    by_age = sorted(files, key=lambda file: -_read(file).created)
    return [stop(home, file.stem, grace_s) for file in by_age]


def status(home: Path) -> list[Running]:
    """The services of `home` that run now, the oldest first."""
    found = (_alive(file) for file in sorted((home / "run").glob("*.json")))
    return sorted((running for running in found if running is not None), key=lambda running: running.created)


def start(home: Path, env: Mapping[str, str], service: Service) -> Running:
    """Start one service, unless it lives already, and wait until it answers.

    Raises:
        ServiceError: as `up`.
    """
    file = _pid_file(home, service.name)
    running = _alive(file)
    if running is not None:
        _wait_for_living(service, running, home / "logs" / f"{service.name}.log")
        return running
    _refuse_taken_port(service)
    log = _fresh_log(home, service.name)
    pid = _spawn(service, {**os.environ, **TELEMETRY_OFF, **env, **service.env, MARK: _mark(file)}, log)
    running = Running(service.name, pid, psutil.Process(pid).create_time(), service.url)
    _write(file, running)
    try:
        _wait_until_ready(service, running, log)
    except ServiceError:
        stop(home, service.name)
        raise
    return running


def stop(home: Path, name: str, grace_s: float = 30.0) -> Stopped:
    """Stop one service and what it started: SIGTERM, and SIGKILL to what is left after `grace_s` seconds."""
    file = _pid_file(home, name)
    running = _read(file)
    outcome: Outcome = "was not running"
    if _alive(file) is not None:
        process = psutil.Process(running.pid)
        children = process.children(recursive=True)
        outcome = "stopped" if _end([process], grace_s) else "killed"
        _end(children, grace_s)
    file.unlink(missing_ok=True)
    return Stopped(name, running.pid, outcome)


def is_listening(port: int) -> bool:
    """Whether anything accepts connections on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def answers(url: str) -> bool:
    """Whether `url` answers 200 within two seconds; no proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2.0) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _script(name: str) -> str:
    """A console script of the environment this process runs in."""
    return str(Path(sys.executable).parent / name)


def _port(env: Mapping[str, str], variable: str, default: int) -> int:
    given = env.get(variable, os.environ.get(variable, str(default)))
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise ServiceError(f"{variable}={given} is not a port: give a number from 1 to 65535")
    return int(given)


def _end(processes: list[psutil.Process], grace_s: float) -> bool:
    """SIGTERM, then SIGKILL to what is left; whether SIGTERM was enough. psutil signals no reused pid."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(processes, timeout=grace_s)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return not left


def _spawn(service: Service, env: Mapping[str, str], log: Path) -> int:
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        # A shell that ignores or blocks a signal hands that on, and the service could not be stopped.
        return os.posix_spawnp(
            service.command[0],
            service.command,
            env,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=STOPPING_SIGNALS,
        )
    except OSError as error:
        raise ServiceError(f"{service.name} cannot start: {service.command[0]}: {error.strerror}") from error


def _refuse_taken_port(service: Service) -> None:
    if service.port is None or not is_listening(service.port):
        return
    remedy = f"set {service.port_variable} to a free port" if service.port_variable else "free it"
    raise ServiceError(
        f"{service.name} cannot start: another process listens on {LOOPBACK}:{service.port}. Stop it, or {remedy}."
    )


def _wait_for_living(service: Service, running: Running, log: Path) -> None:
    """Wait for a service that an earlier call started; one that stays silent is left alone."""
    try:
        _wait_until_answers(service, running, log)
    except ServiceError as error:
        raise ServiceError(
            f"{error}\nIt was started before, as process {running.pid}: `huracan down` ends it, then `huracan up`"
        ) from error


def _wait_until_ready(service: Service, running: Running, log: Path) -> None:
    _wait_until_answers(service, running, log)
    if service.failure_line is not None and service.failure_line in _read_log(log):
        raise ServiceError(f"{service.name} runs but is of no use: {service.failure_line}. {_last_words(log)}")


def _wait_until_answers(service: Service, running: Running, log: Path) -> None:
    deadline = time.monotonic() + service.deadline_s
    while True:
        how = _ended(running.pid)  # asked first: what has died may have answered
        if how is not None:
            raise ServiceError(f"{service.name} ended {how} before it was ready. {_last_words(log)}")
        if _is_ready(service, running, log):
            return
        if time.monotonic() > deadline:
            raise ServiceError(f"{service.name} was not ready in {service.deadline_s:g} s. {_last_words(log)}")
        time.sleep(POLL_S)


def _ended(pid: int) -> str | None:
    """How a process ended, None while it lives. Only its parent is told the status."""
    try:
        ended, status_word = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None if psutil.pid_exists(pid) else "by itself"
    return f"with status {os.waitstatus_to_exitcode(status_word)}" if ended else None


def _read_log(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""


def _last_words(log: Path) -> str:
    lines = _read_log(log).splitlines()
    return f"{log} ends:\n" + "\n".join(lines[-TAIL_LINES:])


def _is_ready(service: Service, running: Running, log: Path) -> bool:
    if service.ready_line is not None:
        # A log that somebody removed tells nothing of a service that lives.
        return not log.exists() or service.ready_line in _read_log(log)
    if service.health_path is not None:
        return answers(f"{running.url}{service.health_path}")
    return True


def _fresh_log(home: Path, name: str) -> Path:
    log = home / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{name}.previous.log"))
    return log


def _pid_file(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"


def _write(file: Path, running: Running) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_bytes(orjson.dumps({"pid": running.pid, "created": running.created, "url": running.url}))
    new.replace(file)


def _read(file: Path) -> Running:
    if not file.is_file():
        return Running(file.stem, 0, 0.0, None)
    found = orjson.loads(file.read_bytes())
    return Running(file.stem, found["pid"], found["created"], found["url"], already=True)


def _mark(file: Path) -> str:
    return str(file.resolve())


def _alive(file: Path) -> Running | None:
    running = _read(file)
    if running.pid == 0:
        return None
    try:
        ours = psutil.Process(running.pid).environ().get(MARK) == _mark(file)
    except psutil.Error:  # gone, a zombie, or another user's
        return None
    return running if ours else None
