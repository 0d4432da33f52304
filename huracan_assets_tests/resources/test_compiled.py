"""A cache of compiled loops that no change of their sources survives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from numba.core import config

from huracan_assets.resources.compiled import PACKAGE, cache_folder, sources

FILES = {
    "__init__.py": "",
    "steps.py": "from numba import njit\n\n\n@njit(cache=True)\ndef step(x):\n    return x + 1\n",
    "constants.py": "FACTOR = 3\n",
    "apart.py": "NOTHING = 1\n",
    "loops.py": (
        "from numba import njit\n\nfrom toy.constants import FACTOR\nfrom toy.steps import step\n\n\n"
        "@njit(cache=True)\ndef loop(x):\n    return FACTOR * step(x)\n"
    ),
}
RUN = (
    "import sys; from pathlib import Path; import numba; from huracan_assets.resources.compiled import cache_folder; "
    "sys.path.insert(0, sys.argv[1]); numba.config.CACHE_DIR = str(cache_folder(Path(sys.argv[1]) / 'toy')); "
    "from toy.loops import loop; print(loop(1), sum(loop.stats.cache_hits.values()))"
)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A package with a loop, a step that is compiled into it, a constant, and a file that it does not know."""
    package = tmp_path / "toy"
    package.mkdir()
    for name, text in FILES.items():
        (package / name).write_text(text, encoding="utf-8")
    return package


def run(toy: Path) -> tuple[int, int]:
    """What the loop says of 1 in a process of its own, and how often it came from the cache."""
    command = [sys.executable, "-c", RUN, str(toy.parent)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(said[0]), int(said[1])


@pytest.mark.parametrize(
    ("file", "before", "after", "answer"), [("steps.py", "x + 1", "x + 2", 9), ("constants.py", "= 3", "= 5", 10)]
)
def test_a_change_in_another_file_is_compiled_anew(toy: Path, file: str, before: str, after: str, answer: int) -> None:
    assert run(toy) == (6, 0)
    assert run(toy) == (6, 1)
    changed = (toy / file).read_text(encoding="utf-8").replace(before, after)
    (toy / file).write_text(changed, encoding="utf-8")
    assert run(toy) == (answer, 0)


def test_only_what_is_compiled_or_imported_there_counts(toy: Path) -> None:
    assert [file.name for file in sources(toy)] == ["constants.py", "loops.py", "steps.py"]
    folder = cache_folder(toy)
    (toy / "apart.py").write_text("NOTHING = 2\n", encoding="utf-8")
    assert cache_folder(toy) == folder
    (toy / "loops.py").rename(toy / "other_loops.py")
    assert cache_folder(toy) != folder


def test_the_engines_loops_are_kept_in_the_folder_of_their_sources() -> None:
    from huracan_assets.simulation.fills import draw

    assert Path(config.CACHE_DIR) == cache_folder(PACKAGE)  # type: ignore[attr-defined]
    assert {"fills.py", "kernels.py", "ppo_loss.py", "market_env.py"} <= {file.name for file in sources(PACKAGE)}
    assert str(draw.stats.cache_path).startswith(str(cache_folder(PACKAGE)))
