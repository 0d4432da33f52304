"""What the execution side does with a bundle: ask its models for the golden rows and compare bit by bit.

LightGBM is asked directly, from the model's text, and the linear models by their formula, without a line of the engine
between.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import orjson

from huracan_assets.learning.ppo_walk_forward import vote


def ask_line(linear: dict[str, Any], features: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """P = 1 / (1 + exp(-z)), z the intercept plus coefficient x standardised feature, summed in the columns' order."""
    z = np.full(len(features), linear["intercept"])
    for column, coefficient in enumerate(linear["coefficient"]):
        standard = (features[:, column] - linear["centre"][column]) / linear["scale"][column]
        z = z + coefficient * np.nan_to_num(np.clip(standard, -4.0, 4.0), nan=0.0)
    return 1.0 / (1.0 + np.exp(-z))


def main(folder: Path) -> None:
    golden = orjson.loads((folder / "golden.json").read_bytes())
    names = orjson.loads((folder / "features.json").read_bytes())["names"]
    columns = [np.array(golden["features"][name], dtype=np.float64) for name in names]  # null becomes NaN
    features = np.column_stack(columns).astype(np.float32)
    sides = ("lightgbm_long.txt", "lightgbm_short.txt")
    boosters = [lightgbm.Booster(model_file=str(folder / side)) for side in sides]
    linear = orjson.loads((folder / "linear.json").read_bytes())
    trees = [np.asarray(booster.predict(features, num_threads=1)) for booster in boosters]
    lines = [ask_line(linear[side], features.astype(np.float64)) for side in ("long", "short")]
    raw = np.column_stack([(tree + line) / 2.0 for tree, line in zip(trees, lines, strict=True)])
    context = np.array(golden["context"], dtype=np.float32)
    votes = vote((folder / "ppo.safetensors").read_bytes(), features, context)
    found = {
        "rows": len(features),
        "lean_differs": int(((raw[:, 0] - raw[:, 1]) / linear["usual_lean"] != np.array(golden["lean"])).sum()),
        "raw_differs": int((raw != np.array(golden["raw"])).sum()),
        "vote_differs": int((votes != np.array(golden["vote"])).sum()),
        "distinct_answers": len(np.unique(raw[:, 0])),
    }
    sys.stdout.write(orjson.dumps(found).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
