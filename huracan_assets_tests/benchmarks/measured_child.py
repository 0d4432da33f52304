"""`python measured_child.py FD CORE COMMAND ...`: run a command and write to FD what it took.

The kernel starts a process's peak memory at that of the process it was forked from, so a large benchmark cannot measure
its small children. This one is small when it forks.
"""

import json
import os
import sys


def main(report: int, core: str, command: list[str]) -> None:
    """Write [exit code, CPU seconds, peak KiB] as JSON; an empty core pins to none."""
    child = os.fork()
    if child == 0:
        try:
            os.close(report)
            if core:
                os.sched_setaffinity(0, {int(core)})
            os.execvp(command[0], command)
        except OSError as error:
            print(f"{command[0]}: {error}", file=sys.stderr, flush=True)
        os._exit(127)
    _, status, usage = os.wait4(child, 0)
    took = [os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss]
    os.write(report, json.dumps(took).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
