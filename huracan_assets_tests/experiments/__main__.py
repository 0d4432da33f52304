"""`python -m huracan_assets_tests.experiments NAME ... [--seeds 201-217]`: a JSON line a trial, one for the conclusion.

Without `--seeds` the experiment's own are run. The lines are kept under `HURACAN_HOME/experiments/`; status 1 if a
conclusion is not ok.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from dataclasses import replace

import huracan_assets_tests.experiments as package
from huracan_assets.settings import home
from huracan_assets_tests.experiments.harness import REGISTRY, run


def main(arguments: list[str]) -> int:
    """Run the named experiments."""
    parser = argparse.ArgumentParser(prog="experiments", add_help=False)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=span, help="first-last, in place of the experiment's own")
    asked_for = parser.parse_args(arguments)
    names: list[str] = asked_for.names
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in ("__main__", "harness") and not module.name.startswith("test_"):
            importlib.import_module(f"{package.__name__}.{module.name}")
    unknown = sorted(set(names) - REGISTRY.keys())
    if unknown or not names:
        asked = f"no experiment is named {', '.join(unknown)}" if unknown else "name an experiment"
        print(f"{asked}; there are:", file=sys.stderr)
        for subject in sorted(REGISTRY.values(), key=lambda subject: subject.name):
            print(f"  {subject.name}: {subject.question}", file=sys.stderr)
        return 2
    chosen = [REGISTRY[name] for name in names]
    if asked_for.seeds is not None:
        chosen = [replace(subject, seeds=asked_for.seeds) for subject in chosen]
    answers = [run(subject, home() / "experiments", sys.stdout) for subject in chosen]
    return 0 if all(answers) else 1


def span(text: str) -> tuple[int, ...]:
    """`201-217` as the seeds from the first to the last of them.

    Raises:
        ValueError: it is neither a number nor two in order.
    """
    first, _, last = text.partition("-")
    seeds = tuple(range(int(first), int(last or first) + 1))
    if not seeds:
        raise ValueError(f"{text} ends before it begins")
    return seeds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
