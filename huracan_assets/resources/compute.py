"""How many runs side by side, and how many threads each may use.

Two processes with two threads each on two cores ran LightGBM twenty times slower than with one thread each:
OpenMP's waiting threads spin. So the cores are divided by the runs, and every library is told before it loads.
OpenMP and BLAS have one whatever the budget: they divide sums among their threads, so the last bits hang on how many.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass

from huracan_assets.errors import SettingsError

THREAD_VARIABLES = (
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
ONE_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Python's 700 has the collector walk through a million objects of libraries again and again: seconds of a night.
NEW_OBJECTS = 50_000


@dataclass(frozen=True)
class ComputeBudget:
    """Cores shared by runs: `concurrent_runs` at a time, `threads` in each."""

    cores: int
    concurrent_runs: int

    @classmethod
    def of_machine(cls) -> ComputeBudget:
        """The cores this process may use, and `HURACAN_CONCURRENT_RUNS` runs side by side, else one a core.

        Raises:
            SettingsError: the variable is no number of runs.
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        wanted = os.environ.get("HURACAN_CONCURRENT_RUNS", str(cores))
        if not (wanted.isdecimal() and int(wanted) > 0):
            raise SettingsError(f"HURACAN_CONCURRENT_RUNS is {wanted}: give a whole number of runs, 1 or more")
        return cls(cores, int(wanted))

    @property
    def threads(self) -> int:
        """Threads of one run, at least one."""
        return max(1, self.cores // self.concurrent_runs)

    def apply(self) -> None:
        """Set every library's thread count; a value the user has set stays, but where bits depend on it it is one.

        And have the garbage collector look for cycles after `NEW_OBJECTS`.
        """
        gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
        for variable in THREAD_VARIABLES:
            os.environ.setdefault(variable, str(self.threads))
        os.environ.update(dict.fromkeys(ONE_THREAD_VARIABLES, "1"))
