"""`python -m huracan_assets_tests.benchmarks [NAME ...]`: a JSON line each; status 1 if one is not ok."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

import huracan_assets_tests.benchmarks as package
from huracan_assets_tests.benchmarks.harness import REGISTRY, run


def main(names: list[str]) -> int:
    """Run the named benchmarks, all where none is named."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in ("__main__", "harness") and not module.name.startswith("test_"):
            importlib.import_module(f"{package.__name__}.{module.name}")
    unknown = sorted(set(names) - REGISTRY.keys())
    if unknown:
        print(
            f"no benchmark is named {', '.join(unknown)}; there are: {', '.join(sorted(REGISTRY))}",
            file=sys.stderr,
        )
        return 2
    all_ok = True
    for name in names or sorted(REGISTRY):
        line = run(REGISTRY[name])
        print(json.dumps(line), flush=True)
        all_ok &= line["ok"]
    return 0 if all_ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
