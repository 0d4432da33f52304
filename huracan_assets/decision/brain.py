"""A Brain: the frozen policy and the models it asks. What is trained, judged, forwarded and handed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, PositiveFloat, ValidationError

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.decision.policy import DecisionPolicy, Evidence, decide
from huracan_assets.engines.consensus import consensus
from huracan_assets.engines.leading import leading_engine
from huracan_assets.errors import ContractError, first_fault
from huracan_assets.features.feature_sets import BASELINE, FeatureSet
from huracan_assets.learning.linear_model import LinearModel
from huracan_assets.learning.ppo_checkpoint import load, metadata
from huracan_assets.learning.ppo_context import bar_context
from huracan_assets.learning.ppo_walk_forward import vote
from huracan_assets.learning.side_model import SideModel, SidePair
from huracan_assets.memory.similarity import best_case_net_bps, similarity_vote
from huracan_assets.regimes.vote import regime_vote
from huracan_assets.resources.lake import canonical_json, content_hash
from huracan_assets.simulation.conditions import TradeConditions

Floats = NDArray[np.float64]
Document = TypeVar("Document", bound=BaseModel)

AGAIN = "register or hand it over again"
BRAIN_FILES = (
    "features.json",
    "policy.json",
    "lightgbm_long.txt",
    "lightgbm_short.txt",
    "linear.json",
    "ppo.safetensors",
)


class _Features(BaseModel):
    feature_set: str = "none"
    names: tuple[str, ...]
    recipe_sha256: str
    files: dict[str, str] = {}  # SHA-256 of each of the Brain's other files

    @property
    def trained_on(self) -> FeatureSet:
        return FeatureSet(name=BASELINE, recipe_sha256=self.recipe_sha256, names=self.names)


class _Lines(BaseModel):
    long: LinearModel
    short: LinearModel
    usual_lean: PositiveFloat


@dataclass(frozen=True)
class Brain:
    """Models and policy; `names` are the features they were trained on, in order.

    Raises:
        ContractError: a model cannot be read, or was trained on other features.
    """

    policy: DecisionPolicy
    models: SidePair
    agent: bytes  # PPO checkpoint
    names: tuple[str, ...]
    recipe_sha256: str

    def __post_init__(self) -> None:
        for side in self.models.sides:
            if side.feature_names != self.names or len(side.linear.coefficient) != len(self.names):
                raise ContractError(
                    f"a Brain's boosters or lines were trained on other features than {self.feature_set.short} "
                    f"names: {AGAIN}"
                )
        load(self.agent)
        refuse_another_pin("a Brain's PPO checkpoint", metadata(self.agent)["feature_set"], self.feature_set)

    @property
    def feature_set(self) -> FeatureSet:
        """What it was trained on."""
        return FeatureSet(name=BASELINE, recipe_sha256=self.recipe_sha256, names=self.names)

    @property
    def sha256(self) -> str:
        """Hash of the whole Brain: `features.json` names that of each other file."""
        return content_hash(self.files()["features.json"])

    def files(self) -> dict[str, bytes]:
        """The Brain as files of text, JSON and safetensors; `from_files` reads them back."""
        long, short = self.models.sides
        files = {
            "policy.json": canonical_json(self.policy),
            "lightgbm_long.txt": long.booster.encode(),
            "lightgbm_short.txt": short.booster.encode(),
            "linear.json": canonical_json(
                _Lines(long=long.linear, short=short.linear, usual_lean=self.models.usual_lean)
            ),
            "ppo.safetensors": self.agent,
        }
        features = {
            "feature_set": self.feature_set.reference,
            "names": self.names,
            "recipe_sha256": self.recipe_sha256,
            "files": {name: content_hash(data) for name, data in files.items()},
        }
        return {"features.json": canonical_json(features), **files}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], made: FeatureSet) -> Brain:
        """The Brain of a registered folder or a hand-off bundle.

        Args:
            made: the features that it will be asked about.

        Raises:
            ContractError: a file is missing or unreadable, or the files do not belong together.
            FeatureSetMismatch: it was trained on another set than `made`.
        """
        absent = [name for name in BRAIN_FILES if name not in files]
        if absent:
            raise ContractError(f"a Brain needs {', '.join(absent)}: {AGAIN}")
        features = _read(_Features, "features.json", files)
        refuse_another_pin("a Brain", features.feature_set, features.trained_on)
        # Before the rest: what was trained on an older recipe may be written in an older form, and that is no damage.
        features.trained_on.refuse_unless(made, "the Brain")
        lines, policy = _read(_Lines, "linear.json", files), _read(DecisionPolicy, "policy.json", files)
        # Before the boosters: LightGBM ends the whole process over some texts that were cut.
        others = [name for name in BRAIN_FILES[1:] if content_hash(files[name]) != features.files.get(name)]
        if others:
            raise ContractError(f"{', '.join(others)} of the Brain is not what features.json names: {AGAIN}")
        return cls(
            policy=policy,
            models=SidePair(
                long=SideModel(booster=files["lightgbm_long.txt"].decode(), linear=lines.long),
                short=SideModel(booster=files["lightgbm_short.txt"].decode(), linear=lines.short),
                usual_lean=lines.usual_lean,
            ),
            agent=files["ppo.safetensors"],
            names=features.names,
            recipe_sha256=features.recipe_sha256,
        )

    def decisions(
        self,
        bars: pl.DataFrame,
        regimes: pl.DataFrame,
        signals: pl.DataFrame,
        conditions: TradeConditions,
        recalled: pl.DataFrame,
    ) -> pl.DataFrame:
        """Decide at each of `bars` from what is known of it.

        Args:
            bars: `as_of` and at least the features in `names`.
            regimes, signals: of the same bars.
            conditions: cost and volatility known at the same bars.
            recalled: what the pattern memory answers at the same bars.

        Raises:
            ContractError: a feature is missing, or what is passed beside the bars is of others.
        """
        features = feature_matrix(bars, self.names)
        raw = self.models.predict(features)
        voted = vote(self.agent, features, bar_context(bars["as_of"].to_numpy(), regimes, recalled))
        evidence = evidence_of(bars, regimes, signals, conditions, recalled, raw, self.models.lean(raw), voted)
        return decide(self.policy, evidence)


def refuse_another_pin(what: str, pinned: str, own: FeatureSet) -> None:
    """Refuse files that name another feature set than the Brain's own features make.

    Args:
        what: the files, for the message.
        pinned: the feature set that they name.
        own: the set of the Brain's features.

    Raises:
        ContractError: the two differ.
    """
    if pinned.rpartition("@")[2] != own.sha256:
        raise ContractError(f"{what} pins the feature set {pinned}, and the Brain's is {own.reference}: {AGAIN}")


def _read(model: type[Document], name: str, files: Mapping[str, bytes]) -> Document:
    try:
        return model.model_validate(orjson.loads(files[name]))  # orjson takes no NaN and no infinity
    except orjson.JSONDecodeError as error:
        raise ContractError(f"{name} of the Brain cannot be read, it is no JSON: {error}. {AGAIN}") from error
    except ValidationError as error:
        raise ContractError(f"{name} of the Brain cannot be read, {first_fault(error)}. {AGAIN}") from error


def feature_matrix(bars: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float32]:
    """(n, f) float32 with NaN for null, columns in the order of `names`."""
    absent = [name for name in names if name not in bars.columns]
    if absent:
        raise ContractError(f"the bars lack {', '.join(absent)}: the model was trained on another feature version")
    return bars.select(pl.col(names).cast(pl.Float32)).to_numpy()


def evidence_of(
    bars: pl.DataFrame,
    regimes: pl.DataFrame,
    signals: pl.DataFrame,
    conditions: TradeConditions,
    recalled: pl.DataFrame,
    raw: Floats,
    lean: Floats,
    agent_vote: Floats,
) -> Evidence:
    """Everything the policy looks at, from the answers of the models and of the rooms before.

    Raises:
        ContractError: regimes, signals or memories are not of the same bars.
    """
    spoken = signals["as_of"].unique(maintain_order=True)
    for what, as_of in (("regimes", regimes["as_of"]), ("signals", spoken), ("recalled", recalled["as_of"])):
        if not as_of.equals(bars["as_of"]):
            raise ContractError(f"{what} and bars differ in as_of: make them of these very bars")
    votes = np.zeros((bars.height, len(SOURCES)))
    votes[:, SOURCES.index("rl_agent")] = agent_vote
    votes[:, SOURCES.index("pattern_recognition")] = np.tanh(lean)
    votes[:, SOURCES.index("regime_analysis")] = regime_vote(bars, regimes)
    votes[:, SOURCES.index("alpha_engines")] = consensus(signals)["vote"].to_numpy()
    votes[:, SOURCES.index("historical_similarity")] = similarity_vote(recalled)
    return Evidence(
        as_of=bars["as_of"].to_numpy(),
        raw=raw,
        lean=lean,
        votes=votes,
        cost_bps=conditions.round_trip_bps,
        stop_bps=1e4 * conditions.stop_loss,
        spread_bps=2.0 * conditions.half_spread_bps,
        minute_volatility=conditions.sigma,
        regime=regimes["regime"].to_numpy().astype(str),
        engine=leading_engine(signals).to_numpy().astype(str),
        similar_net_bps=best_case_net_bps(recalled),
    )
