"""Adam (Kingma and Ba 2015) on one flat tensor: torch's fused kernel without the optimiser object around it.

The object looks at hooks, groups, devices and profilers before every step, which takes longer than the step itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-5  # PPO's (Huang et al. 2022)


@dataclass
class Adam:
    """The moments of (parameters,) weights, and the number of steps as a tensor of one."""

    exp_avg: Tensor
    exp_avg_sq: Tensor
    taken: Tensor

    @classmethod
    def of(cls, weights: Tensor) -> Adam:
        """Before the first step."""
        import torch

        return cls(torch.zeros_like(weights), torch.zeros_like(weights), torch.zeros((), device=weights.device))

    def step(self, weights: Tensor, gradient: Tensor, rate: float) -> None:
        """Move `weights` against `gradient` at the learning rate `rate`, in place."""
        import torch

        self.taken += 1
        torch._fused_adam_(
            [weights], [gradient], [self.exp_avg], [self.exp_avg_sq], [], [self.taken], lr=rate, beta1=BETAS[0],
            beta2=BETAS[1], weight_decay=0.0, eps=EPSILON, amsgrad=False, maximize=False,
        )  # fmt: skip
