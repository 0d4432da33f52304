"""The run manifest: all that decides the bits of a night, so that it can be run again and compared."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from huracan_assets.settings import Settings

PACKAGES = (
    "arch", "bidask", "lightgbm", "numba", "numpy", "pandera", "polars", "pyarrow", "scikit-learn", "scipy",
    "safetensors", "torch",
)  # fmt: skip
"""The libraries whose version may change a result."""

SOURCES = (".py", ".sql", ".yaml")
NOT_IN_RESULTS: dict[str, Any] = {
    "market": {"archive": True, "exchange": {"base_url", "proxy", "timeout_s", "max_attempts"}}
}
"""Settings that say where data comes from, not what is made of it: addresses, folders, patience."""


class CodeState(BaseModel):
    """Which code ran. Outside a git work tree, and before its first commit, `source_sha256` alone says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: str | None
    dirty: bool | None
    uncommitted_sha256: str | None
    source_sha256: str


class RunManifest(BaseModel):
    """Code, settings, data, seeds and versions of one symbol-day; no clock, no path, no address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str
    day: date
    code: CodeState
    settings: dict[str, Any]
    feature_set: str  # name@hash of what the models were trained on
    data: dict[str, str]
    seeds: dict[str, int]
    packages: dict[str, str]
    python: str
    platform: str

    @classmethod
    def collect(
        cls,
        symbol: str,
        day: date,
        settings: Settings,
        feature_set: str,
        data: Mapping[str, str],
        seeds: Mapping[str, int],
        package: Path,
    ) -> RunManifest:
        """The manifest of a run in this process.

        Args:
            feature_set: name@hash of what the models were trained on.
            data: content hash of each artifact that was judged, and of the verdict, by name.
            seeds: by what they seed.
            package: the folder of the engine's code.
        """
        return cls(
            symbol=symbol,
            day=day,
            code=collect_code_state(package),
            settings=settings_in_results(settings),
            feature_set=feature_set,
            data=dict(data),
            seeds=dict(seeds),
            packages={name: version(name) for name in PACKAGES},
            python=platform.python_version(),
            platform=f"{platform.system()}-{platform.machine()}",
        )


def settings_in_results(settings: Settings) -> dict[str, Any]:
    """The settings that influence a result, as plain JSON."""
    plain: dict[str, Any] = settings.model_dump(mode="json", exclude=NOT_IN_RESULTS)
    return plain


def collect_code_state(package: Path) -> CodeState:
    """The state of the code in a package's folder: commit, uncommitted changes of its repository, own source.

    The hash of uncommitted changes is taken from names and bytes of the changed and untracked files, not from
    git's patch text, which depends on the user's configuration.
    """
    source = _files_hash(package, sorted(path for path in package.rglob("*") if path.suffix in SOURCES))
    root = _git(package, "rev-parse", "--show-toplevel")
    commit = _git(package, "rev-parse", "--verify", "--quiet", "HEAD")
    # A package installed under an ignored folder of somebody's repository is not that repository's code.
    ignored = _git(package, "check-ignore", "--quiet", str(package)) is not None
    if root is None or commit is None or ignored:
        return CodeState(commit=None, dirty=None, uncommitted_sha256=None, source_sha256=source)
    folder = Path(root)
    changed = (_git(folder, "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", "HEAD") or "").split("\0")
    untracked = (_git(folder, "ls-files", "--others", "--exclude-standard", "-z") or "").split("\0")
    names = {name for name in changed if name} | {name for name in untracked if name.endswith(SOURCES)}
    digest = _files_hash(folder, [folder / name for name in sorted(names)]) if names else None
    return CodeState(commit=commit, dirty=bool(names), uncommitted_sha256=digest, source_sha256=source)


def _files_hash(folder: Path, files: list[Path]) -> str:
    """Hash of names and bytes; a deleted file is a name without bytes."""
    digest = hashlib.sha256()
    for file in files:
        held = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "deleted"
        digest.update(f"{file.relative_to(folder).as_posix()}\0{held}\n".encode())
    return digest.hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says, None where it fails or is not installed. Reading is safe whoever owns the folder."""
    program = shutil.which("git")
    if program is None:
        return None
    command = [program, "-c", "safe.directory=*", "-C", str(folder), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else None
