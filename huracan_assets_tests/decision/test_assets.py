"""The votes of the agents that a night's policy listens to are those of its own training, on every bar."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from huracan_assets.decision.assets import agents_votes
from huracan_assets.errors import ContractError, StorageError
from huracan_assets.learning.assets import VOTES_SHA256
from huracan_assets.resources.lake import Lake
from huracan_assets_tests.learning.small_nights import FIRST, small

SYMBOL = "ETH-USDT"
ROOM = small(5)


def written(votes: pl.DataFrame) -> str:
    lake = Lake.open()
    digest = lake.write_frame("ppo_checkpoint", SYMBOL, FIRST, votes)
    lake.write_document("ppo_checkpoint", SYMBOL, FIRST, {VOTES_SHA256: digest})
    return digest


def spoken(seed: int = 0) -> pl.DataFrame:
    as_of = pl.Series(ROOM.ts.as_of[ROOM.asked()]).dt.replace_time_zone("UTC")
    return pl.DataFrame({"as_of": as_of, "vote": np.random.default_rng(seed).uniform(-1.0, 1.0, len(as_of))})


@pytest.mark.usefixtures("engine_home")
def test_each_row_gets_the_vote_of_its_own_bar() -> None:
    written(spoken())
    votes = agents_votes(ROOM, SYMBOL, FIRST)
    assert votes[ROOM.asked()].tolist() == spoken()["vote"].to_list()
    assert np.isnan(np.delete(votes, ROOM.asked())).all()


@pytest.mark.usefixtures("engine_home")
def test_absent_votes_are_refused_and_no_silence() -> None:
    whole = spoken()
    shifted = whole.with_columns(pl.col("as_of").dt.offset_by("15m"))
    silent = whole.with_columns(vote=pl.when(pl.col("vote") > 0.9).then(float("nan")).otherwise("vote"))
    unsaid = whole.with_columns(vote=pl.when(pl.col("vote") > 0.9).then(None).otherwise("vote"))
    for votes in (whole.head(whole.height // 2), whole[1:], shifted, silent, unsaid):
        written(votes)
        with pytest.raises(ContractError, match="ppo_checkpoint again"):
            agents_votes(ROOM, SYMBOL, FIRST)


@pytest.mark.usefixtures("engine_home")
def test_votes_of_another_training_are_refused() -> None:
    lake = Lake.open()
    own = written(spoken())
    lake.write_frame("ppo_checkpoint", SYMBOL, FIRST, spoken(1))
    for document in ({VOTES_SHA256: own}, {}):
        lake.write_document("ppo_checkpoint", SYMBOL, FIRST, document)
        with pytest.raises(StorageError, match="another run of ppo_checkpoint"):
            agents_votes(ROOM, SYMBOL, FIRST)
