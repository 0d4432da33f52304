"""What work on one thread takes, whatever else the machine does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from huracan_assets_tests.benchmarks.feature_recipe import _keep_freed_memory


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this thread in one call; memory that it frees stays with the process."""
    _keep_freed_memory()
    begin = time.thread_time()
    work()
    return time.thread_time() - begin
