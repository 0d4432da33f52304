"""MLflow: the ledger of every fit that was tried, and the registry of models.

A trial is written down before its fit begins, so one that fails or is killed still counts: the deflated
Sharpe ratio is only as honest as its number of trials. Trials are numbered, and a missing one is an error.

MLflow's client talks to its database in the engine's Postgres; artifacts lie in `<home>/mlflow-artifacts`.
"""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan_assets.days import midnight
from huracan_assets.errors import ContractError, StorageError
from huracan_assets.resources import postgres
from huracan_assets.resources.lake import content_hash
from huracan_assets.settings import home

if TYPE_CHECKING:
    from types import TracebackType

    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

TRIAL_SHARPE = "daily_sharpe"
"""The metric that `trials` gathers: per day, not annualised, as the deflated Sharpe ratio wants it."""

KEY, DAY, NUMBER, LEARNER = "huracan.trial_key", "huracan.day", "huracan.trial", "huracan.learner"
RESERVED = "huracan.trials"
CONTENT, CHAMPION = "huracan.content_sha256", "huracan.champion."
MODEL_FOLDER = "model"


@dataclass(frozen=True)
class TrialCount:
    """How often luck was tried: distinct trials, and the daily Sharpe ratios of those that finished."""

    n_distinct: int
    sharpes: tuple[float, ...]


@dataclass(frozen=True)
class Trial:
    """One fit on the record. As a context it ends FAILED where its body raises."""

    tracking: Tracking
    symbol: str
    day: date
    number: int
    run_id: str
    url: str

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Record the figures of a finished fit; `daily_sharpe` is the one that counts for deflation."""
        self.tracking.end(self, "FINISHED", metrics)

    def fail(self) -> None:
        """Record that the fit came to nothing; it still counts."""
        self.tracking.end(self, "FAILED", {})

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.fail()


@dataclass(frozen=True)
class ModelVersion:
    """A registered model: a folder of text, JSON and safetensors with the hash of its content."""

    symbol: str
    version: int
    day: date
    content_sha256: str
    run_id: str
    url: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Tracking:
    """The door to MLflow. Whoever writes a symbol's trials or models holds that symbol's lock in Postgres."""

    client: Any
    artifacts: Path

    @classmethod
    def open(cls) -> Tracking:
        """Connect, and lay out MLflow's own tables where they are missing.

        Raises:
            StorageError: Postgres is not reachable, or lets MLflow's tables not be made.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        url = postgres.database_url("mlflow", "+psycopg2")
        from mlflow import MlflowClient

        for chatty in ("mlflow", "alembic"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        with postgres.laying_out(url):
            tracking = cls(MlflowClient(tracking_uri=url, registry_uri=url), home() / "mlflow-artifacts")
        with tracking._alone("schema"):  # two processes of a first night may arrive together
            tracking.client.search_experiments(max_results=1)
        return tracking

    def begin_trial(
        self, symbol: str, day: date, learner: str, trial_key: str, parameters: Mapping[str, object]
    ) -> Trial:
        """Put a fit on the record, before it begins.

        Args:
            trial_key: SHA-256 of all that decides the fit (data, code, settings, seed). The same key is the
                same trial, however often it is run; it stays with the earliest day it was recorded for.

        Raises:
            StorageError: MLflow refuses, as it does where the same key had other parameters before.
        """
        from mlflow.entities import Param

        with self._alone(symbol):
            experiment = self._experiment(symbol)
            run = self._run_with(experiment, KEY, trial_key)
            if run is None:
                run = self._new_trial(experiment, day, learner, trial_key)
            else:
                self._reopen(run, day)
            named = [Param(name, str(value)) for name, value in sorted(parameters.items())]
            self.client.log_batch(run.info.run_id, params=named)
        number = int(run.data.tags.get(NUMBER, "0"))
        return Trial(self, symbol, day, number, run.info.run_id, _url(run.info))

    def _new_trial(self, experiment: str, day: date, learner: str, trial_key: str) -> Run:
        """Reserve the number, then make the run: a kill between leaves the number for the next trial."""
        last = int(self.client.get_experiment(experiment).tags.get(RESERVED, "0"))
        number = last if last and self._run_with(experiment, NUMBER, str(last)) is None else last + 1
        self.client.set_experiment_tag(experiment, RESERVED, str(number))
        tags = {KEY: trial_key, DAY: day.isoformat(), NUMBER: str(number), LEARNER: learner}
        run: Run = self.client.create_run(experiment, tags=tags, run_name=f"{learner} {day}")
        return run

    def _reopen(self, run: Run, day: date) -> None:
        if run.info.lifecycle_stage == "deleted":
            self.client.restore_run(run.info.run_id)
        if day.isoformat() < run.data.tags[DAY]:
            self.client.set_tag(run.info.run_id, DAY, day.isoformat())
        self.client.update_run(run.info.run_id, status="RUNNING")

    def end(self, trial: Trial, status: str, metrics: Mapping[str, float]) -> None:
        """Close a trial with MLflow's `status`, and record its figures."""
        with self._alone(trial.symbol):
            self._log_metrics(trial.run_id, trial.day, metrics)
            self.client.set_terminated(trial.run_id, status=status)

    def _log_metrics(self, run_id: str, day: date, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        at = int(midnight(day).timestamp() * 1000)
        self.client.log_batch(run_id, [Metric(name, float(value), at, 0) for name, value in sorted(metrics.items())])

    def trials(self, symbol: str, until: date) -> TrialCount:
        """Every trial of a symbol for a day up to `until`: finished, failed, killed or deleted in the UI.

        Raises:
            StorageError: a trial is missing from the record. No count is better than one that flatters.
        """
        with self._alone(symbol):
            experiment = self._experiment(symbol)
            reserved = int(self.client.get_experiment(experiment).tags.get(RESERVED, "0"))
            runs = {int(run.data.tags[NUMBER]): run for run in self._runs(experiment) if NUMBER in run.data.tags}
        absent = sorted(set(range(1, reserved + 1)) - set(runs))
        if absent:
            raise StorageError(
                f"MLflow lacks {len(absent)} of {reserved} trials of {symbol}, the first number {absent[0]}: "
                "nothing may be promoted on a count too low; restore MLflow's database from its backup"
            )
        counted = [run for _, run in sorted(runs.items()) if run.data.tags[DAY] <= until.isoformat()]
        sharpes = [run.data.metrics[TRIAL_SHARPE] for run in counted if TRIAL_SHARPE in run.data.metrics]
        return TrialCount(len(counted), tuple(value for value in sharpes if math.isfinite(value)))

    def register(
        self,
        symbol: str,
        day: date,
        content_sha256: str,
        source_folder: Path,
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
    ) -> ModelVersion:
        """Register a folder as a model version and read it back; the same content again is the same version.

        Args:
            content_sha256: `folder_hash(source_folder)`, as the caller's own lineage has it.

        Raises:
            ContractError: the folder's content is not `content_sha256`.
            StorageError: MLflow refuses, or hands back something else than was registered.
        """
        if folder_hash(source_folder) != content_sha256:
            raise ContractError(
                f"{source_folder} is not the content {content_sha256[:12]} of {day}|{symbol}: write it again"
            )
        with self._alone(symbol):
            known = [found for found in self._versions(symbol) if found.tags[CONTENT] == content_sha256]
            version = known[0] if known else self._new_version(symbol, day, content_sha256, source_folder, tags)
            self._log_metrics(version.run_id, day, metrics)
        self._verify(version)
        return version

    def _new_version(
        self, symbol: str, day: date, content_sha256: str, source_folder: Path, tags: Mapping[str, str]
    ) -> ModelVersion:
        experiment, name = self._experiment(symbol), _model_name(symbol)
        own = {CONTENT: content_sha256, DAY: day.isoformat()}
        run = self._run_with(experiment, CONTENT, content_sha256)
        if run is None:
            run = self.client.create_run(experiment, tags={**tags, **own}, run_name=f"model {day}")
        self.client.log_artifacts(run.info.run_id, str(source_folder), MODEL_FOLDER)
        self.client.set_terminated(run.info.run_id)
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        source = f"{run.info.artifact_uri}/{MODEL_FOLDER}"
        # The tags go in with the version: nothing is ever registered without its hash.
        made = self.client.create_model_version(name, source, run.info.run_id, tags={**tags, **own})
        return _version(symbol, made, _url(run.info))

    def _verify(self, version: ModelVersion) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.download(version, Path(folder))

    def download(self, version: ModelVersion, folder: Path) -> Path:
        """Fetch a version's files into an empty folder and check them.

        Raises:
            StorageError: they are gone, or are not what was registered.
        """
        named = f"version {version.version} of {version.symbol} in MLflow"
        remedy = f"restore {self.artifacts}, or delete the version there and materialise registered_model again"
        try:
            found = Path(self.client.download_artifacts(version.run_id, MODEL_FOLDER, str(folder)))
        except OSError as error:
            raise StorageError(f"{named} has lost its files ({error}): {remedy}") from error
        if folder_hash(found) != version.content_sha256:
            raise StorageError(f"{named} is not what was registered: {remedy}")
        return found

    def find(self, symbol: str, content_sha256: str) -> ModelVersion:
        """The version with this content.

        Raises:
            StorageError: it was never registered.
        """
        with self._alone(symbol):
            known = [found for found in self._versions(symbol) if found.tags[CONTENT] == content_sha256]
        if not known:
            raise StorageError(
                f"MLflow has no {symbol} with content {content_sha256[:12]}: materialise registered_model"
            )
        return known[0]

    def challenge(self, symbol: str) -> ModelVersion:
        """Point the alias `challenger` at the version of the latest day, which no rerun of an older night displaces.

        Raises:
            StorageError: the symbol has none.
        """
        with self._alone(symbol):
            known = self._versions(symbol)
            if not known:
                raise StorageError(f"MLflow has no version of {symbol}: materialise registered_model")
            newest = max(known, key=lambda version: (version.day, version.version))
            self.client.set_registered_model_alias(_model_name(symbol), "challenger", str(newest.version))
        return newest

    def crown(self, symbol: str, day: date, version: int | None) -> None:
        """Record the outcome of a night: `version` became champion on `day`, or (None) nobody did.

        A rerun of the night replaces its outcome. The alias `champion` follows the newest promotion.
        """
        with self._alone(symbol):
            name, tag = _model_name(symbol), f"{CHAMPION}{day.isoformat()}"
            for found in self._versions(symbol):
                if tag in found.tags and found.version != version:
                    self.client.delete_model_version_tag(name, str(found.version), tag)
            if version is not None:
                self.client.set_model_version_tag(name, str(version), tag, "true")
            reigning = self._reigning(symbol, date.max)
            if reigning is not None:
                self.client.set_registered_model_alias(name, "champion", str(reigning.version))
            elif self._versions(symbol):
                self.client.delete_registered_model_alias(name, "champion")

    def champion(self, symbol: str, before: date = date.max) -> ModelVersion | None:
        """The version promoted last on a day earlier than `before`; None where none was.

        A backfill of an old night thus meets the champion of that time, not today's.
        """
        with self._alone(symbol):
            return self._reigning(symbol, before)

    def _reigning(self, symbol: str, before: date) -> ModelVersion | None:
        crowned = [
            (tag.removeprefix(CHAMPION), found)
            for found in self._versions(symbol)
            for tag in found.tags
            if tag.startswith(CHAMPION) and tag.removeprefix(CHAMPION) < before.isoformat()
        ]
        return max(crowned, key=lambda pair: pair[0])[1] if crowned else None

    def _versions(self, symbol: str) -> list[ModelVersion]:
        found: list[ModelVersion] = []
        runs = f"{_interface()}/#/experiments/{self._experiment(symbol)}/runs"
        token = None
        while True:
            page = self.client.search_model_versions(f"name = '{_model_name(symbol)}'", page_token=token)
            found += [_version(symbol, made, f"{runs}/{made.run_id}") for made in page]
            token = page.token
            if not token:
                return sorted(found, key=lambda version: version.version)

    def _experiment(self, symbol: str) -> str:
        found = self.client.get_experiment_by_name(symbol)
        if found is not None:
            return str(found.experiment_id)
        return str(self.client.create_experiment(symbol, artifact_location=(self.artifacts / symbol).as_uri()))

    def _run_with(self, experiment: str, tag: str, value: str) -> Run | None:
        from mlflow.entities import ViewType

        found = self.client.search_runs([experiment], f"tags.`{tag}` = '{value}'", ViewType.ALL, max_results=1)
        return found[0] if found else None

    def _runs(self, experiment: str) -> Iterator[Run]:
        from mlflow.entities import ViewType

        token = None
        while True:
            page = self.client.search_runs([experiment], "", ViewType.ALL, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    @contextmanager
    def _alone(self, subject: str) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        with postgres.connection() as lock:
            lock.execute("SELECT pg_advisory_xact_lock(hashtext('huracan.mlflow.' || %s))", (subject,))
            try:
                yield
            except MlflowException as error:
                raise StorageError(f"MLflow refuses an entry of {subject}: {error}") from error


def folder_hash(folder: Path) -> str:
    """SHA-256 of a folder's files, names and bytes; the same for the same content wherever it lies."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return content_hash({file.relative_to(folder).as_posix(): content_hash(file.read_bytes()) for file in files})


def _interface() -> str:
    return os.environ.get("HURACAN_MLFLOW_URL", "http://127.0.0.1:5000").rstrip("/")


def _url(info: Any) -> str:
    return f"{_interface()}/#/experiments/{info.experiment_id}/runs/{info.run_id}"


def _model_name(symbol: str) -> str:
    return f"huracan.{symbol}"


def _version(symbol: str, made: MlflowVersion, url: str) -> ModelVersion:
    tags = dict(made.tags)
    day = date.fromisoformat(tags[DAY])
    return ModelVersion(symbol, int(made.version), day, tags[CONTENT], str(made.run_id), url, tags)
