"""Actor and critic, two separate tanh perceptrons, forward and backward by hand into buffers that are kept.

Both are stored in one flat tensor, their gradient in another, so that clipping and Adam are one kernel each. The
first layers lie on top of one another: one product of 2 x hidden columns serves both. Beside the perceptrons the
context of a bar (`ppo_context.py`) biases logits and value linearly; its weights begin at 0.

tanh(z) is computed as 2 sigmoid(2 z) - 1: on a CPU torch's sigmoid is six times as fast as its tanh, which would take
longer than the matrix products. The identity is exact; in float32 it is off by 1.2e-7 at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN_GAIN = 2**0.5
POLICY_GAIN = 0.01  # nearly uniform at the start
VALUE_GAIN = 1.0


@contextmanager
def deterministic_torch(device: str = "cpu") -> Iterator[None]:
    """One thread and, on the CPU, deterministic algorithms within; what was set before is set again after."""
    import torch

    # Not torch.use_deterministic_algorithms: it would import torch's compiler, which takes as long as torch itself.
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error" if device == "cpu" else mode)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        torch.set_num_threads(threads)


def orthogonal(rng: np.random.Generator, outputs: int, inputs: int, gain: float) -> np.ndarray[tuple[int, int]]:
    """(outputs, inputs) float32, orthogonal rows or columns times `gain` (Saxe, McClelland, Ganguli 2014)."""
    tall, wide = max(outputs, inputs), min(outputs, inputs)
    q, r = np.linalg.qr(rng.standard_normal((tall, wide)))
    q = q * np.sign(np.diag(r))  # makes the draw uniform over rotations
    return np.ascontiguousarray(gain * (q if outputs >= inputs else q.T), np.float32)


@dataclass(frozen=True)
class Layers:
    """Views of one flat tensor as the layers of both networks; weights are (outputs, inputs).

    `first` and its bias hold the actor's hidden units, then the critic's, and so does `second_bias`; `third_bias` and
    `context` hold the actor's outputs, then the value.
    """

    first: Tensor
    first_bias: Tensor
    actor_second: Tensor
    critic_second: Tensor
    second_bias: Tensor
    actor_third: Tensor
    critic_third: Tensor
    third_bias: Tensor
    context: Tensor


class Hidden(NamedTuple):
    """Hidden units of some number of rows, and their slopes."""

    first: Tensor
    second: Tensor
    first_gradient: Tensor
    second_gradient: Tensor


@dataclass(frozen=True)
class Buffers:
    """What a pass over some number of rows writes to; `actor` and `critic` are the halves of `both`.

    `outputs` has a row for each action's logit and one for the value.
    """

    both: Hidden
    actor: Hidden
    critic: Hidden
    outputs: Tensor


class ActorCritic:
    """inputs -> hidden -> hidden -> outputs for the actor, and to one value for the critic; context biases both.

    Attributes:
        weights: (parameters,) float32, all of them.
        gradient: (parameters,) float32, what `backward` found.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, context: int, device: str = "cpu") -> None:
        import torch

        self.inputs, self.hidden, self.outputs, self.device = inputs, hidden, outputs, device
        self.shapes = (
            (2 * hidden, inputs), (2 * hidden,), (hidden, hidden), (hidden, hidden), (2 * hidden,),
            (outputs, hidden), (1, hidden), (outputs + 1,), (outputs + 1, context),
        )  # fmt: skip
        count = sum(int(np.prod(shape)) for shape in self.shapes)
        self.weights = torch.zeros(count, device=device)
        self.gradient = torch.zeros(count, device=device)
        self.layers, self.slopes = self.views(self.weights), self.views(self.gradient)
        self._minus_one = torch.tensor(-1.0, device=device)
        self._buffers: dict[int, Buffers] = {}

    def views(self, flat: Tensor) -> Layers:
        """`flat` (parameters,) as layers that share its memory."""
        parts, begin = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            parts.append(flat[begin : begin + size].view(shape))
            begin += size
        return Layers(*parts)

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of `flat` (parameters,) under the names that the two networks have as `torch.nn.Sequential`."""
        layers, h, a = self.views(flat), self.hidden, self.outputs
        return {
            "actor.0.weight": layers.first[:h],
            "actor.0.bias": layers.first_bias[:h],
            "actor.2.weight": layers.actor_second,
            "actor.2.bias": layers.second_bias[:h],
            "actor.4.weight": layers.actor_third,
            "actor.4.bias": layers.third_bias[:a],
            "actor.context": layers.context[:a],
            "critic.0.weight": layers.first[h:],
            "critic.0.bias": layers.first_bias[h:],
            "critic.2.weight": layers.critic_second,
            "critic.2.bias": layers.second_bias[h:],
            "critic.4.weight": layers.critic_third,
            "critic.4.bias": layers.third_bias[a:],
            "critic.context": layers.context[a:],
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Orthogonal weights drawn from `rng` alone, biases and what context weighs 0."""
        import torch

        gains = {"0": HIDDEN_GAIN, "2": HIDDEN_GAIN, "actor.4": POLICY_GAIN, "critic.4": VALUE_GAIN}
        for name, weight in self.named(self.weights).items():
            if name.endswith("weight"):
                layer = name.removesuffix(".weight")
                gain = gains.get(layer) or gains[layer.rpartition(".")[2]]
                weight.copy_(torch.from_numpy(orthogonal(rng, weight.shape[0], weight.shape[1], gain)))

    def buffers(self, rows: int) -> Buffers:
        """The buffers for `rows` rows, made once."""
        import torch

        if rows not in self._buffers:
            h = self.hidden
            first, second, slopes = torch.zeros((3, rows, 2 * h), device=self.device).unbind()
            # `backward` is done with the second layer when it comes to the first one's slopes: less to keep in cache.
            both = Hidden(first, second, first_gradient=second, second_gradient=slopes)
            actor, critic = (Hidden(*(part[:, half] for part in both)) for half in (slice(h), slice(h, None)))
            outputs = torch.zeros((self.outputs + 1, rows), device=self.device)
            self._buffers[rows] = Buffers(both, actor, critic, outputs)
        return self._buffers[rows]

    def forward(self, observations: Tensor, context: Tensor) -> Tensor:
        """(outputs + 1, b), the logits and in the last row the values, in a buffer that the next call reuses.

        A row for each action: over rows of three numbers a softmax takes fourteen times as long.

        Args:
            observations: (b, inputs).
            context: (context, b).
        """
        import torch

        to, layers, h, a = self.buffers(observations.shape[0]), self.layers, self.hidden, self.outputs
        self._tanh_layer(layers.first_bias, observations, layers.first, to.both.first)
        self._linear(layers.second_bias[:h], to.actor.first, layers.actor_second, to.actor.second, 2)
        self._linear(layers.second_bias[h:], to.critic.first, layers.critic_second, to.critic.second, 2)
        self._tanh(to.both.second)
        torch.addmm(layers.third_bias[:, None], layers.context, context, out=to.outputs)
        to.outputs[:a].addmm_(layers.actor_third, to.actor.second.t())
        to.outputs[a].addmv_(to.critic.second, layers.critic_third[0])
        return to.outputs

    def logits(self, observations: Tensor, context: Tensor) -> Tensor:
        """(b, outputs) of the actor alone, for observations (b, inputs) and context (context, b)."""
        return self._alone(observations, context, 0)

    def values(self, observations: Tensor, context: Tensor) -> Tensor:
        """(b,) of the critic alone, for the same."""
        return self._alone(observations, context, 1)[:, 0]

    def _alone(self, observations: Tensor, context: Tensor, network: int) -> Tensor:
        layers, h, a = self.layers, self.hidden, self.outputs
        units, outs = slice(network * h, network * h + h), slice(a, None) if network else slice(None, a)
        second, third = ((layers.actor_second, layers.actor_third), (layers.critic_second, layers.critic_third))[
            network
        ]
        shown = self._tanh_layer(layers.first_bias[units], observations, layers.first[units])
        shown = self._tanh_layer(layers.second_bias[units], shown, second)
        return self._linear(layers.third_bias[outs], shown, third).addmm_(context.t(), layers.context[outs].t())

    def backward(self, observations: Tensor, context: Tensor, by_outputs: Tensor) -> None:
        """Fill `gradient` from the loss's slopes by the outputs that `forward` has just given for these rows.

        Args:
            observations: (b, inputs), the same.
            context: (context, b), the same.
            by_outputs: (outputs + 1, b) dLoss/dlogits, then dLoss/dvalues.
        """
        import torch

        to, layers, slopes, a = self.buffers(observations.shape[0]), self.layers, self.slopes, self.outputs
        actor, critic, both = to.actor, to.critic, to.both
        by_logits, by_values = by_outputs[:a], by_outputs[a:]
        torch.mm(by_logits, actor.second, out=slopes.actor_third)
        torch.mm(by_values, critic.second, out=slopes.critic_third)
        torch.sum(by_outputs, 1, out=slopes.third_bias)
        torch.mm(by_outputs, context.t(), out=slopes.context)
        torch.mm(by_logits.t(), layers.actor_third, out=actor.second_gradient)
        torch.mm(by_values.t(), layers.critic_third, out=critic.second_gradient)
        self._through_tanh(both.second_gradient, both.second)
        torch.mm(actor.second_gradient.t(), actor.first, out=slopes.actor_second)
        torch.mm(critic.second_gradient.t(), critic.first, out=slopes.critic_second)
        torch.sum(both.second_gradient, 0, out=slopes.second_bias)
        torch.mm(actor.second_gradient, layers.actor_second, out=actor.first_gradient)
        torch.mm(critic.second_gradient, layers.critic_second, out=critic.first_gradient)
        self._through_tanh(both.first_gradient, both.first)
        torch.mm(both.first_gradient.t(), observations, out=slopes.first)
        torch.sum(both.first_gradient, 0, out=slopes.first_bias)

    def _linear(self, bias: Tensor, rows: Tensor, weight: Tensor, out: Tensor | None = None, times: int = 1) -> Tensor:
        import torch

        return torch.addmm(bias, rows, weight.t(), beta=times, alpha=times, out=out)

    def _tanh_layer(self, bias: Tensor, rows: Tensor, weight: Tensor, out: Tensor | None = None) -> Tensor:
        return self._tanh(self._linear(bias, rows, weight, out, 2))

    def _tanh(self, doubled: Tensor) -> Tensor:
        """tanh(doubled / 2), in place."""
        import torch

        return torch.add(self._minus_one, doubled.sigmoid_(), alpha=2, out=doubled)

    @staticmethod
    def _through_tanh(gradient: Tensor, shown: Tensor) -> None:
        import torch

        torch.ops.aten.tanh_backward.grad_input(gradient, shown, grad_input=gradient)
