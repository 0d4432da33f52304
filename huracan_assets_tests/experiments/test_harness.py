"""The harness keeps every answer, its seed, and what it had when a trial failed."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from huracan_assets.settings import home
from huracan_assets_tests.experiments.__main__ import main
from huracan_assets_tests.experiments.harness import REGISTRY, Experiment, Row, experiment, run


def mean_below_one(rows: Sequence[Row]) -> Row:
    mean = float(np.mean([row["draw"] for row in rows]))
    return {"mean": mean, "ok": mean < 1}


def draw(seed: int) -> Row:
    return {"draw": float(np.random.default_rng(seed).random())}


def test_rows_and_conclusion_are_printed_and_kept_alike(tmp_path: Path) -> None:
    out = io.StringIO()
    assert run(Experiment("draws", "Is a draw below one?", (3, 4), draw, mean_below_one), tmp_path, out)
    assert (tmp_path / "draws.jsonl").read_text(encoding="utf-8") == out.getvalue()
    first, second, last = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (first["seed"], second["seed"]) == (3, 4)
    assert first["draw"] == draw(3)["draw"]
    assert last["seeds"] == [3, 4]
    assert last["mean"] == pytest.approx((first["draw"] + second["draw"]) / 2)
    assert last["ok"] is True


def test_a_trial_that_fails_leaves_the_rows_before_it(tmp_path: Path) -> None:
    def third_fails(seed: int) -> Row:
        if seed == 2:
            raise ArithmeticError("no answer")
        return {"draw": 0.0}

    with pytest.raises(ArithmeticError):
        run(Experiment("fragile", "?", (0, 1, 2), third_fails, mean_below_one), tmp_path, io.StringIO())
    kept = (tmp_path / "fragile.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seed"] for line in kept] == [0, 1]


def test_the_command_runs_the_named_ones_and_tells_an_unwelcome_answer_by_its_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(REGISTRY):
        monkeypatch.delitem(REGISTRY, name)
    experiment(question="Is a draw below one?", seeds=range(2), conclude=mean_below_one)(draw)
    with pytest.raises(ValueError, match="two experiments are named draw"):
        experiment(question="?", seeds=[1], conclude=mean_below_one)(draw)

    @experiment(question="Is two below one?", seeds=[1], conclude=mean_below_one)
    def two(seed: int) -> Row:
        return {"draw": 2.0}

    assert main(["draw"]) == 0
    assert main(["draw", "two"]) == 1
    assert (home() / "experiments" / "two.jsonl").is_file()
    assert main([]) == 2
    assert "Is two below one?" in capsys.readouterr().err
    assert main(["absent"]) == 2
    assert main(["draw", "--seeds", "7-9"]) == main(["draw", "--seeds", "5"]) == 0
    conclusions = [line for line in capsys.readouterr().out.splitlines() if "question" in line]
    assert [json.loads(line)["seeds"] for line in conclusions] == [[7, 8, 9], [5]]
    for strange in ("9-7", "seven"):
        with pytest.raises(SystemExit):
            main(["draw", "--seeds", strange])
        assert f"invalid span value: '{strange}'" in capsys.readouterr().err
