"""Walk-forward, learners and calibration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from huracan_assets.settings.section import Section


class LightGBMSettings(Section):
    """LightGBM's parameters; the deterministic ones are not settings."""

    rounds: int = Field(ge=1, description="boosting rounds, at most")
    fewest_rounds: int = Field(ge=1, description="boosting rounds, at least")
    patience: int = Field(ge=1, description="rounds without a lower loss on the newest training rows that end boosting")
    stopping_share: float = Field(gt=0, lt=1, description="of the training rows, the newest: rounds are chosen on them")
    learning_rate: float = Field(gt=0)
    num_leaves: int = Field(ge=2)
    min_data_in_leaf: int = Field(ge=1)
    feature_fraction: float = Field(gt=0, le=1)
    bagging_fraction: float = Field(gt=0, le=1)
    lambda_l2: float = Field(ge=0)
    max_bin: int = Field(ge=3)
    recency_half_life_days: float = Field(gt=0)
    evidence_prior: float = Field(ge=0, description="squared t at which half of a feature's evidence counts")
    linear_penalty: float = Field(gt=0, description="ridge of the linear model, in independent labels")

    @model_validator(mode="after")
    def _coherent(self) -> LightGBMSettings:
        if self.fewest_rounds > self.rounds:
            raise ValueError(f"learning.lightgbm.fewest_rounds {self.fewest_rounds} is more than rounds {self.rounds}")
        return self


class PPOSettings(Section):
    """Proximal policy optimisation (Schulman et al. 2017), in the paper's words."""

    device: Literal["cpu", "cuda"] = Field(description="where the networks are; the same bits are promised on cpu")
    seeds: int = Field(ge=1, description="agents a night; the vote is their mean, shrunk by their agreement")
    environments: int = Field(ge=1)
    rollout_bars: int = Field(ge=2)
    episode_bars: int = Field(ge=2, description="an episode is truncated, and its value bootstrapped, after so many")
    first_steps: int = Field(ge=1, description="steps on the first training window")
    fold_steps: int = Field(ge=0, description="further steps on each later window")
    hidden: int = Field(ge=1)
    epochs: int = Field(ge=1)
    minibatch: int = Field(ge=2)
    learning_rate: float = Field(gt=0)
    gamma: float = Field(gt=0, lt=1)
    gae_lambda: float = Field(ge=0, le=1)
    clip: float = Field(gt=0, lt=1)
    entropy: float = Field(ge=0)
    value_coefficient: float = Field(gt=0)
    max_grad_norm: float = Field(gt=0)
    cost_multiple: float = Field(ge=1, description="the reward charges costs so many times")
    risk_aversion: float = Field(ge=0, description="half of it times the squared return, in sigmas, is charged")
    drawdown_aversion: float = Field(ge=0, description="share of an episode's maximum drawdown that is charged")
    hold_bars: int = Field(ge=1, description="bars in a position that cost nothing")
    hold_charge: float = Field(ge=0, description="charged for each bar beyond them, in sigmas")
    evidence_prior: float = Field(gt=0, description="t^2 at which half of a feature counts; the best counts whole")
    curriculum_share: float = Field(
        ge=0, le=0.5, description="share of the first stage on easy stretches, and again on easy and medium ones"
    )


class CalibrationSettings(Section):
    """From raw scores to probabilities."""

    parts: int = Field(ge=2, description="parts of the record; each after the first judges maps fitted before it")
    least_judged_labels: float = Field(gt=0, description="fewest independent labels that may choose a map")
    regime_prior_labels: float = Field(gt=0, description="labels that the map of all regimes is worth in each")
    isotonic_prior_labels: float = Field(gt=0, description="labels that the base rate is worth in each step")


class LearningSettings(Section):
    """Walk-forward and the learners."""

    first_train_days: int = Field(ge=1, description="days before the first test segment")
    folds: int = Field(ge=2, description="test segments; the first only calibrates, trading starts in the second")
    embargo_minutes: int = Field(ge=0)
    lightgbm: LightGBMSettings
    ppo: PPOSettings
    calibration: CalibrationSettings
