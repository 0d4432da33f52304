"""`dagster` commands one after the other in one process: `python -m ... REPORT '[["dagster", "asset", ...], ...]'`.

Each is the console script's own entry; a NUL byte ends its output, its exit code goes into REPORT.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import orjson


def run(words: list[str]) -> int:
    """One command; its exit code, as the shell would see it."""
    from dagster._cli import main

    sys.argv = words
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except Exception:  # noqa: BLE001: what a console script would die of
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
