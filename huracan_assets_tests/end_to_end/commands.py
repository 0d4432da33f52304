"""`dagster` commands one after the other in one process: `python -m ... REPORT '[["dagster", "asset", ...], ...]'`.

Each is the console script's own command; a NUL byte ends its output, its exit code goes into REPORT.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import orjson

from huracan_assets.errors import HuracanError


def run(words: list[str]) -> int:
    """One command; its exit code, as the shell would see it."""
    import dagster as dg
    from dagster._check import CheckError
    from dagster._cli import ENV_PREFIX
    from dagster._cli import cli as dagster

    sys.argv = words
    try:
        dagster(auto_envvar_prefix=ENV_PREFIX)
    except SystemExit as ended:
        return int(ended.code or 0)
    except (dg.DagsterError, CheckError, HuracanError):  # of which a console script dies
        traceback.print_exc()
        return 1
    return 0


def main(report: Path, commands: list[list[str]]) -> None:
    """Run them all, whatever becomes of each."""
    codes = []
    for words in commands:
        codes.append(run(words))
        sys.stderr.flush()
        sys.stdout.write("\0")
        sys.stdout.flush()
    report.write_bytes(orjson.dumps(codes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), orjson.loads(sys.argv[2]))
