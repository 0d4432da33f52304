"""`python -m huracan_assets_tests.experiments NAME ...`: a JSON line a trial and one for the conclusion.

They are kept under `HURACAN_HOME/experiments/`; status 1 if a conclusion is not ok.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import huracan_assets_tests.experiments as package
from huracan_assets.settings import home
from huracan_assets_tests.experiments.harness import REGISTRY, run


def main(names: list[str]) -> int:
    """Run the named experiments."""
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
    answers = [run(REGISTRY[name], home() / "experiments", sys.stdout) for name in names]
    return 0 if all(answers) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
