"""What the execution side does with a bundle: ask its models for the golden rows and compare bit by bit.

LightGBM is asked directly, from the model's text, without a line of the engine between.
"""

from __future__ import annotations

import sys
from pathlib import Path

import lightgbm
import numpy as np
import orjson

from huracan_assets.learning.ppo_walk_forward import vote


def main(folder: Path) -> None:
    golden = orjson.loads((folder / "golden.json").read_bytes())
    names = orjson.loads((folder / "features.json").read_bytes())["names"]
    columns = [np.array(golden["features"][name], dtype=np.float64) for name in names]  # null becomes NaN
    features = np.column_stack(columns).astype(np.float32)
    sides = ("lightgbm_long.txt", "lightgbm_short.txt")
    boosters = [lightgbm.Booster(model_file=str(folder / side)) for side in sides]
    raw = np.column_stack([np.asarray(booster.predict(features, num_threads=1)) for booster in boosters])
    votes = vote((folder / "ppo.safetensors").read_bytes(), features)
    found = {
        "rows": len(features),
        "raw_differs": int((raw != np.array(golden["raw"])).sum()),
        "vote_differs": int((votes != np.array(golden["vote"])).sum()),
        "distinct_answers": len(np.unique(raw[:, 0])),
    }
    sys.stdout.write(orjson.dumps(found).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
