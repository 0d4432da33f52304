"""A learner as bytes: safetensors, everything that training changes, equal learners to equal bytes.

Tensors: the weights (`actor.*`, `critic.*`), Adam's moments (`adam.exp_avg.*`, `adam.exp_avg_sq.*`,
`adam.step`), the observation statistics (`observation.*`) and, while a stage is under way, where its
environments stand (`env.*`). The header's metadata holds one JSON document: settings, seed, generator state,
unit of reward, step and stage. It is one entry because safetensors writes several in no fixed order. Nothing
is pickled.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import EnvState
from huracan_assets.learning.ppo import Learner, Stage, new_learner
from huracan_assets.learning.ppo_observation import ObservationStatistics
from huracan_assets.settings import PPOSettings

FORMAT = "huracan-ppo-1"
ENTRY = "huracan"
STATISTICS = ("mean", "m2", "count")
MOMENTS = ("exp_avg", "exp_avg_sq")
STAGE_PARTS = ("index", "updates", "done", "market")
ENV_PARTS = ("row", "end", "action", "held")

Tensors = dict[str, npt.NDArray[Any]]


def save(learner: Learner) -> bytes:
    """The checkpoint; the same learner gives the same bytes."""
    import safetensors.numpy

    tensors: Tensors = {}
    for name, weight in learner.parameters():
        tensors[name] = weight.detach().numpy()
        state = learner.optimiser.state.get(weight)
        if state:
            tensors |= {f"adam.{moment}.{name}": state[moment].numpy() for moment in MOMENTS}
            tensors["adam.step"] = state["step"].numpy().reshape(1)
    statistics = learner.observation
    tensors |= {f"observation.{part}": getattr(statistics, part) for part in STATISTICS}
    stage: dict[str, Any] | None = None
    if learner.stage is not None:
        stage = {part: getattr(learner.stage, part) for part in STAGE_PARTS}
        tensors |= {f"env.{part}": getattr(learner.stage.state, part) for part in ENV_PARTS}
    document = {
        "format": FORMAT,
        "settings": learner.settings.model_dump(mode="json"),
        "features": learner.features,
        "seed": learner.seed,
        "scale_bps": learner.scale_bps,
        "global_step": learner.global_step,
        "stage": stage,
        "rng": learner.rng.bit_generator.state,
    }
    packed = {name: np.ascontiguousarray(array) for name, array in sorted(tensors.items())}
    return safetensors.numpy.save(packed, metadata={ENTRY: json.dumps(document, sort_keys=True)})


def metadata(checkpoint: bytes) -> dict[str, Any]:
    """The JSON document of a checkpoint's header.

    Raises:
        ContractError: the bytes are no checkpoint of this format.
    """
    try:
        length = int.from_bytes(checkpoint[:8], "little")
        document = json.loads(json.loads(checkpoint[8 : 8 + length])["__metadata__"][ENTRY])
        known = document["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ContractError("the bytes are no PPO checkpoint: train it again") from error
    if not known:
        raise ContractError(f"PPO checkpoint of format {document['format']}, wanted {FORMAT}: train it again")
    return dict(document)


def load(checkpoint: bytes) -> Learner:
    """The learner that `save` was given; its stage goes on when `train` gets the same market again.

    Raises:
        ContractError: the bytes are no whole checkpoint, or a number in it is not finite.
    """
    document = metadata(checkpoint)
    tensors = _tensors(checkpoint)
    try:
        learner = new_learner(document["features"], PPOSettings(**document["settings"]), document["seed"])
        _fill_weights(learner, tensors)
        learner.observation = ObservationStatistics(*(tensors[f"observation.{part}"] for part in STATISTICS))
        learner.rng.bit_generator.state = document["rng"]
        learner.scale_bps, learner.global_step = document["scale_bps"], document["global_step"]
        if document["stage"] is not None:
            state = EnvState(*(tensors[f"env.{part}"] for part in ENV_PARTS))
            learner.stage = Stage(state=state, **{part: document["stage"][part] for part in STAGE_PARTS})
    except (KeyError, ValidationError) as error:
        raise ContractError(f"the PPO checkpoint is incomplete ({error}): train it again") from error
    return learner


def _fill_weights(learner: Learner, tensors: Tensors) -> None:
    import torch

    step = tensors.get("adam.step")
    for name, weight in learner.parameters():
        with torch.no_grad():
            if weight.shape != tensors[name].shape:
                raise ContractError(f"the PPO checkpoint's {name} has shape {tensors[name].shape}: train it again")
            weight.copy_(torch.from_numpy(tensors[name].copy()))
        if step is not None:
            state = {moment: torch.from_numpy(tensors[f"adam.{moment}.{name}"].copy()) for moment in MOMENTS}
            learner.optimiser.state[weight] = {"step": torch.tensor(float(step[0])), **state}


def _tensors(checkpoint: bytes) -> Tensors:
    import safetensors
    import safetensors.numpy

    try:
        tensors: Tensors = safetensors.numpy.load(checkpoint)
    except safetensors.SafetensorError as error:
        raise ContractError(f"the PPO checkpoint cannot be read ({error}): train it again") from error
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ContractError(f"the PPO checkpoint's {name} is not finite: train it again")
    return tensors
