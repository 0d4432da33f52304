"""Checkpoints: round trip, and a resumed training equal to one that was never interrupted."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from huracan_assets.errors import ContractError
from huracan_assets.learning import ppo_checkpoint
from huracan_assets.learning.ppo import Learner, begin_stage, new_learner, train
from huracan_assets.learning.ppo_checkpoint import load, metadata, save
from huracan_assets.learning.ppo_policy import flat_votes
from huracan_assets_tests.learning.ppo_markets import SMALL, noise_market

MARKET = noise_market(seed=20)
LATER = noise_market(n=600, seed=20)


def started(seed: int = 3) -> Learner:
    learner = new_learner(4, SMALL, seed)
    begin_stage(learner, MARKET, 6 * 512)
    return learner


def test_a_resumed_training_equals_an_uninterrupted_one() -> None:
    whole = started()
    curve = train(whole, MARKET)
    for cut in (0, 1, 4):
        part = started()
        head = train(part, MARKET, cut)
        (resumed,) = load(save([part]))
        assert head + train(resumed, MARKET) == curve
        assert save([resumed]) == save([whole])


def test_agents_of_several_seeds_resume_each_where_it_stood() -> None:
    whole = [started(), started(4)]
    for agent in whole:
        train(agent, MARKET)
    parts = [started(), started(4)]
    train(parts[0], MARKET, 2)
    train(parts[1], MARKET, 5)
    resumed = load(save(parts))
    for agent in resumed:
        train(agent, MARKET)
    assert [agent.seed for agent in resumed] == [3, 4]
    assert save(resumed) == save(whole)


def test_a_later_stage_resumes_too() -> None:
    whole = started()
    train(whole, MARKET)
    (part,) = load(save([whole]))
    for learner in (whole, part):
        begin_stage(learner, LATER, 1024)
        train(learner, LATER)
    assert save([whole]) == save([part])


def test_round_trip_keeps_bytes_and_votes() -> None:
    learner = started()
    train(learner, MARKET, 2)
    data = save([learner])
    (again,) = load(data)
    assert save([again]) == data == save([learner])
    assert (learner.network.layers.context != 0).all()
    seen = MARKET.features, MARKET.context
    assert (flat_votes(again, *seen) == flat_votes(learner, *seen)).all()
    document = metadata(data)
    (agent,) = document["agents"]
    assert agent["global_step"] == 1024 and agent["stage"]["done"] == 2
    assert document["settings"] == SMALL.model_dump(exclude={"device"})


def test_an_untrained_learner_has_a_checkpoint_as_well() -> None:
    learner = new_learner(4, SMALL, 3)
    (again,) = load(save([learner]))
    for one in (learner, again):
        begin_stage(one, MARKET, 512)
        train(one, MARKET)
    assert save([again]) == save([learner])


def test_what_is_no_checkpoint_is_refused() -> None:
    data = save([started()])
    for broken in (b"", b"nonsense, not even a header", data[:-10], data[:100]):
        with pytest.raises(ContractError):
            load(broken)
    tensors = safetensors.numpy.load(data)
    header = {"huracan": json.dumps(metadata(data))}
    name = "agent0.actor.0.bias"
    poisoned = tensors | {name: np.full_like(tensors[name], np.nan)}
    with pytest.raises(ContractError, match=r"actor\.0\.bias is not finite"):
        load(safetensors.numpy.save(poisoned, header))
    missing = {key: array for key, array in tensors.items() if key != "agent0.critic.4.bias"}
    for altered in (missing, tensors | {name: np.zeros(3, np.float32)}, tensors | {name: tensors[name] + 1}):
        with pytest.raises(ContractError, match="SHA-256"):
            load(safetensors.numpy.save(altered, header))
    old = {"huracan": json.dumps({**metadata(data), "format": "huracan-ppo-4"})}
    with pytest.raises(ContractError, match="wanted huracan-ppo-5: train it again"):
        load(safetensors.numpy.save(tensors, old))


def test_a_checkpoint_names_the_features_that_taught_it() -> None:
    """The name is sealed like everything else; without one it is no Brain's."""
    data = save([started()], "baseline@1")
    assert metadata(data)["feature_set"] == "baseline@1"
    assert metadata(save([started()]))["feature_set"] == "none"
    renamed = {"huracan": json.dumps({**metadata(data), "feature_set": "baseline@2"})}
    with pytest.raises(ContractError, match="SHA-256"):
        load(safetensors.numpy.save(safetensors.numpy.load(data), renamed))


def test_an_agent_of_another_context_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = save([started()])
    monkeypatch.setattr(ppo_checkpoint, "CONTEXT", ("odds of CALM",))
    with pytest.raises(ContractError, match=r"trained on the context .*'odds of TREND'.* train it again"):
        load(data)


def test_one_flipped_bit_anywhere_is_found() -> None:
    learner = started()
    train(learner, MARKET, 1)
    data = save([learner])
    rng = np.random.default_rng(1)
    header = 8 + int.from_bytes(data[:8], "little")
    for place in [*rng.integers(0, header, 150), *rng.integers(header, len(data), 150)]:
        broken = bytearray(data)
        broken[place] ^= 1 << int(rng.integers(8))
        try:
            again = load(bytes(broken))
        except ContractError:
            continue
        # A flip that json reads as the same document (the case of an exponent) changes nothing that is loaded.
        assert save(again) == data


def test_a_consistent_checkpoint_of_another_shape_is_refused() -> None:
    learner = started()
    learner.features = 5  # what it says of itself is not what its weights are
    with pytest.raises(ContractError, match="has shape"):
        load(save([learner]))
