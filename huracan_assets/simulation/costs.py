"""What a fill costs, in basis points of its notional.

A market order pays the taker fee, half the spread and the square-root impact; a resting limit pays the maker
fee, or earns it where it is negative, a rebate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import SettingsError
from huracan_assets.settings import SimulationSettings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """The cost model in force; stress scenarios work on changed copies."""

    taker_fee_bps: float
    maker_fee_bps: float
    spread_floor_bps: float
    impact_coefficient: float
    spread_multiple: float = 1.0
    depth_multiple: float = 1.0
    impact_multiple: float = 1.0

    @classmethod
    def of(cls, simulation: SimulationSettings) -> Costs:
        """The unstressed model of the settings."""
        return cls(
            taker_fee_bps=simulation.taker_fee_bps,
            maker_fee_bps=simulation.maker_fee_bps,
            spread_floor_bps=simulation.spread_floor_bps,
            impact_coefficient=simulation.impact_coefficient,
        )

    def with_fees(self, multiple: float) -> Costs:
        """A fee shock: fees times `multiple`, a maker rebate (negative fee) divided by it, so it never helps.

        Raises:
            SettingsError: `multiple` is not positive.
        """
        _positive(fees=multiple)
        rebate = self.maker_fee_bps < 0
        return replace(
            self,
            taker_fee_bps=self.taker_fee_bps * multiple,
            maker_fee_bps=self.maker_fee_bps / multiple if rebate else self.maker_fee_bps * multiple,
        )

    def shocked(self, spread: float = 1.0, depth: float = 1.0, impact: float = 1.0) -> Costs:
        """A liquidity shock: spread (its floor too), traded depth and impact, each times its factor.

        Raises:
            SettingsError: a factor is not positive.
        """
        _positive(spread=spread, depth=depth, impact=impact)
        return replace(
            self,
            spread_multiple=self.spread_multiple * spread,
            depth_multiple=self.depth_multiple * depth,
            impact_multiple=self.impact_multiple * impact,
        )

    def half_spread_bps(self, spread_bps: Floats) -> Floats:
        """Half of the estimated full spread (n,) in bps; the floor where the estimate is lower or NaN."""
        return 0.5 * self.spread_multiple * np.fmax(spread_bps, self.spread_floor_bps)

    def impact_bps(self, quote: float, daily_quote_volume: Floats, daily_sigma: Floats, coefficient: Floats) -> Floats:
        """Square-root law I = Y sigma_D sqrt(Q / V_D) (Toth et al. 2011; on Bitcoin Donier & Bonart 2015).

        Args:
            quote: order size Q in quote currency.
            daily_quote_volume: V_D (n,) in quote currency; where it is 0 the impact is infinite.
            daily_sigma: volatility of a day (n,), a fraction.
            coefficient: Y (n,), as in `impact.py`.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            share = quote / (self.depth_multiple * daily_quote_volume)
            moved = self.impact_multiple * coefficient * daily_sigma * np.sqrt(share) * 1e4
            return np.where(daily_quote_volume > 0, moved, np.inf)

    def taker_bps(self, half_spread_bps: Floats, impact_bps: Floats) -> Floats:
        """A market order, all in."""
        return self.taker_fee_bps + half_spread_bps + impact_bps


def _positive(**factors: float) -> None:
    for name, factor in factors.items():
        if not factor > 0:
            raise SettingsError(f"the cost factor {name} is {factor}: give a factor above 0")
