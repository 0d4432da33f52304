"""Checkpoints: round trip, and a resumed training equal to one that was never interrupted."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from huracan_assets.errors import ContractError
from huracan_assets.learning.ppo import Learner, begin_stage, new_learner, train
from huracan_assets.learning.ppo_checkpoint import load, metadata, save
from huracan_assets.learning.ppo_policy import flat_votes
from huracan_assets_tests.learning.test_ppo import SMALL, noise_market

MARKET = noise_market(seed=20)
LATER = noise_market(n=600, seed=20)


def started() -> Learner:
    learner = new_learner(4, SMALL, 3)
    begin_stage(learner, MARKET, 6 * 512)
    return learner


def test_a_resumed_training_equals_an_uninterrupted_one() -> None:
    whole = started()
    curve = train(whole, MARKET)
    for cut in (0, 1, 4):
        part = started()
        head = train(part, MARKET, cut)
        resumed = load(save(part))
        assert head + train(resumed, MARKET) == curve
        assert save(resumed) == save(whole)


def test_a_later_stage_resumes_too() -> None:
    whole = started()
    train(whole, MARKET)
    part = load(save(whole))
    for learner in (whole, part):
        begin_stage(learner, LATER, 1024)
        train(learner, LATER)
    assert save(whole) == save(part)


def test_round_trip_keeps_bytes_and_votes() -> None:
    learner = started()
    train(learner, MARKET, 2)
    data = save(learner)
    again = load(data)
    assert save(again) == data == save(learner)
    assert (flat_votes(again, MARKET.features) == flat_votes(learner, MARKET.features)).all()
    document = metadata(data)
    assert document["global_step"] == 1024 and document["stage"]["done"] == 2
    assert document["settings"] == SMALL.model_dump()


def test_an_untrained_learner_has_a_checkpoint_as_well() -> None:
    learner = new_learner(4, SMALL, 3)
    again = load(save(learner))
    for one in (learner, again):
        begin_stage(one, MARKET, 512)
        train(one, MARKET)
    assert save(again) == save(learner)


def test_what_is_no_checkpoint_is_refused() -> None:
    data = save(started())
    for broken in (b"", b"nonsense, not even a header", data[:-10], data[:100]):
        with pytest.raises(ContractError):
            load(broken)
    tensors = safetensors.numpy.load(data)
    header = {"huracan": json.dumps(metadata(data))}
    poisoned = tensors | {"actor.0.bias": np.full_like(tensors["actor.0.bias"], np.nan)}
    with pytest.raises(ContractError, match=r"actor\.0\.bias is not finite"):
        load(safetensors.numpy.save(poisoned, header))
    missing = {name: array for name, array in tensors.items() if name != "critic.4.bias"}
    with pytest.raises(ContractError, match="incomplete"):
        load(safetensors.numpy.save(missing, header))
    with pytest.raises(ContractError, match="shape"):
        load(safetensors.numpy.save(tensors | {"actor.0.bias": np.zeros(3, np.float32)}, header))
