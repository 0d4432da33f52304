"""Actor and critic, two separate perceptrons; torch held to one thread and deterministic kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Sequential

HIDDEN_GAIN = 2**0.5
POLICY_GAIN = 0.01  # nearly uniform at the start
VALUE_GAIN = 1.0


@contextmanager
def deterministic_torch() -> Iterator[None]:
    """One thread and deterministic algorithms within; what was set before is set again after."""
    import torch

    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        torch.set_num_threads(threads)


def orthogonal(rng: np.random.Generator, outputs: int, inputs: int, gain: float) -> np.ndarray[tuple[int, int]]:
    """(outputs, inputs) float32, orthogonal rows or columns times `gain` (Saxe, McClelland, Ganguli 2014)."""
    tall, wide = max(outputs, inputs), min(outputs, inputs)
    q, r = np.linalg.qr(rng.standard_normal((tall, wide)))
    q = q * np.sign(np.diag(r))  # makes the draw uniform over rotations
    return np.ascontiguousarray(gain * (q if outputs >= inputs else q.T), np.float32)


def perceptron(rng: np.random.Generator, inputs: int, hidden: int, outputs: int, gain: float) -> Sequential:
    """inputs -> hidden -> hidden -> outputs, tanh; orthogonal weights drawn from `rng` alone, biases 0."""
    import torch
    from torch import nn
    from torch.nn.utils import skip_init

    sizes = [(hidden, inputs, HIDDEN_GAIN), (hidden, hidden, HIDDEN_GAIN), (outputs, hidden, gain)]
    layers: list[nn.Module] = []
    for out, into, layer_gain in sizes:
        # skip_init: torch's own initialisation would draw from its global generator.
        linear: nn.Linear = skip_init(nn.Linear, into, out)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(orthogonal(rng, out, into, layer_gain)))
            linear.bias.zero_()
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def action_log_probabilities(actor: Sequential, observations: Tensor) -> Tensor:
    """(n, 3) log pi(flat), log pi(long), log pi(short)."""
    import torch

    logits: Tensor = actor(observations)
    return torch.log_softmax(logits, dim=-1)
