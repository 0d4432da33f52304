"""Learners as bytes: safetensors, everything that training changes, equal learners to equal bytes.

Tensors, each under `agent<k>.`: the weights (`actor.*`, `critic.*`, of which `*.context` are what the context weighs),
Adam's moments (`adam.exp_avg.*`, `adam.exp_avg_sq.*`, `adam.step`), the observation statistics (`observation.*`) and,
while a stage is under way, where its environments stand (`env.*`). The header's metadata holds one JSON document:
settings, the feature set that was taught, the names of the context's columns, and for each agent its seed, generator
state, unit of reward, step and stage. It is one entry because safetensors writes several in no fixed order. The
document names the SHA-256 of itself and of all tensors, so that one flipped bit is found. The device is no part of it:
what was trained on one may be asked on another. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from huracan_assets.errors import ContractError
from huracan_assets.learning.market_env import EnvState
from huracan_assets.learning.ppo import Learner, Stage, blank_learner
from huracan_assets.learning.ppo_context import CONTEXT
from huracan_assets.learning.ppo_observation import ObservationStatistics
from huracan_assets.settings import PPOSettings

FORMAT = "huracan-ppo-5"
ENTRY = "huracan"
STATISTICS = ("mean", "m2", "count", "weight")
MOMENTS = ("exp_avg", "exp_avg_sq")
STAGE_PARTS = ("index", "updates", "done", "market")
ENV_PARTS = ("row", "end", "account", "equity", "peak", "worst")

Tensors = dict[str, npt.NDArray[Any]]


def save(learners: Sequence[Learner], feature_set: str = "none") -> bytes:
    """The checkpoint; the same learners give the same bytes.

    Args:
        feature_set: `name@<hash>` of the features that taught them; a Brain takes no agents that do not name its own.
    """
    import safetensors.numpy

    tensors: Tensors = {}
    for place, learner in enumerate(learners):
        tensors |= {f"agent{place}.{name}": array for name, array in _arrays(learner).items()}
    packed = {name: np.ascontiguousarray(array) for name, array in sorted(tensors.items())}
    document: dict[str, Any] = {
        "format": FORMAT,
        "settings": learners[0].settings.model_dump(mode="json", exclude={"device"}),
        "features": learners[0].features,
        "feature_set": feature_set,
        "context": CONTEXT,
        "agents": [_described(learner) for learner in learners],
    }
    document["sha256"] = _digest(document, packed)
    return safetensors.numpy.save(packed, metadata={ENTRY: json.dumps(document, sort_keys=True)})


def _arrays(learner: Learner) -> Tensors:
    network, statistics = learner.network, learner.observation
    arrays = {name: weight.cpu().numpy() for name, weight in network.named(network.weights).items()}
    for moment in MOMENTS:
        parts = network.named(getattr(learner.adam, moment))
        arrays |= {f"adam.{moment}.{name}": part.cpu().numpy() for name, part in parts.items()}
    arrays["adam.step"] = learner.adam.taken.cpu().numpy().reshape(1)
    arrays |= {f"observation.{part}": getattr(statistics, part) for part in STATISTICS}
    if learner.stage is not None:
        arrays |= {f"env.{part}": getattr(learner.stage.state, part) for part in ENV_PARTS}
    return arrays


def _described(learner: Learner) -> dict[str, Any]:
    stage = None if learner.stage is None else {part: getattr(learner.stage, part) for part in STAGE_PARTS}
    return {
        "seed": learner.seed,
        "scale_bps": learner.scale_bps,
        "global_step": learner.global_step,
        "stage": stage,
        "rng": learner.rng.bit_generator.state,
    }


def _digest(document: dict[str, Any], tensors: Tensors) -> str:
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


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


def load(checkpoint: bytes, device: str = "cpu") -> list[Learner]:
    """The learners that `save` was given; their stages go on when `train` gets the same market again.

    Raises:
        ContractError: the bytes are no whole checkpoint, were altered, a number in it is not finite, or its agents
            learned with another context than this engine shows.
        SettingsError: the device is not there.
    """
    document = metadata(checkpoint)
    tensors = _tensors(checkpoint)
    named = document.pop("sha256", None)
    if named != _digest(document, tensors):
        raise ContractError("the PPO checkpoint is not what its SHA-256 names, it was altered: train it again")
    if tuple(document.get("context", ())) != CONTEXT:
        raise ContractError(
            f"the PPO checkpoint was trained on the context {document.get('context')}, this engine shows {CONTEXT}: "
            "train it again"
        )
    try:
        settings = PPOSettings(**document["settings"] | {"device": device})
        return [
            _restored(settings, document["features"], described, f"agent{place}.", tensors)
            for place, described in enumerate(document["agents"])
        ]
    except (KeyError, TypeError, ValidationError) as error:
        raise ContractError(f"the PPO checkpoint is incomplete ({error}): train it again") from error


def _restored(
    settings: PPOSettings, features: int, described: dict[str, Any], prefix: str, tensors: Tensors
) -> Learner:
    own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    learner = blank_learner(features, settings, described["seed"])
    _fill_weights(learner, own)
    learner.observation = ObservationStatistics(*(own[f"observation.{part}"] for part in STATISTICS))
    learner.rng.bit_generator.state = described["rng"]
    learner.scale_bps, learner.global_step = described["scale_bps"], described["global_step"]
    if described["stage"] is not None:
        state = EnvState(*(own[f"env.{part}"].copy() for part in ENV_PARTS))
        learner.stage = Stage(state=state, **{part: described["stage"][part] for part in STAGE_PARTS})
    return learner


def _fill_weights(learner: Learner, tensors: Tensors) -> None:
    import torch

    network, adam = learner.network, learner.adam
    adam.taken.fill_(float(tensors["adam.step"][0]))
    flats = {"": network.weights, **{f"adam.{moment}.": getattr(adam, moment) for moment in MOMENTS}}
    for prefix, flat in flats.items():
        for name, part in network.named(flat).items():
            array = tensors[prefix + name]
            if part.shape != array.shape:
                raise ContractError(f"the PPO checkpoint's {prefix}{name} has shape {array.shape}: train it again")
            part.copy_(torch.from_numpy(array.copy()))


def _tensors(checkpoint: bytes) -> Tensors:
    import safetensors
    import safetensors.numpy

    try:
        tensors: Tensors = safetensors.numpy.load(checkpoint)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ContractError(f"the PPO checkpoint cannot be read ({error}): train it again") from error
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ContractError(f"the PPO checkpoint's {name} is not finite: train it again")
    return tensors
