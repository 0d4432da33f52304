"""The recipe once more, in pandas: a peer for the benchmark, and an oracle that shares no line with the engine.

Written as one would in pandas: rolling windows with half of their minutes as `min_periods`, `ewm`, `resample`; series
that several features read are computed once. It has every feature of candles, benchmark and funding, and none of the
optional inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from huracan_assets_tests.features.pandas_windows import (
    Series,
    Table,
    ema,
    imbalance,
    rolling,
    sampled_rank,
    still,
    wilder,
    zscore,
)


@dataclass(frozen=True)
class PandasRecipe:
    """Frames as in `frame_of`, on the same minutes, and the funding rates by their time."""

    own: pd.DataFrame
    benchmark: pd.DataFrame
    funding: Series

    def features(self) -> Table:
        """Name -> series over all minutes."""
        families = (
            self.momentum, self.trend, self.volatility, self.volume, self.microstructure, self.breakout,
            self.compression, self.distribution, self.relative_strength, self.temporal, self.carry,
        )  # fmt: skip
        return {name: values for family in families for name, values in family().items()}

    @cached_property
    def log_close(self) -> Series:
        """Of the close over the first one: pandas keeps sums of squares, which are the finer the smaller."""
        return np.log(self.own.close / self.own.close.dropna().iloc[0])

    @cached_property
    def last(self) -> Series:
        return self.log_close.ffill(limit=60)

    @cached_property
    def r(self) -> Series:
        return self.log_close.diff()

    @cached_property
    def b(self) -> Series:
        return np.log(self.benchmark.close).diff()

    @cached_property
    def sigma(self) -> dict[int, Series]:
        return {minutes: np.sqrt(1440 * rolling(self.r**2, minutes).mean()) for minutes in (15, 60, 240, 1440)}

    @cached_property
    def true_range(self) -> Series:
        before = self.own.close.shift()
        reach: Series = np.fmax(self.own.high, before) - np.fmin(self.own.low, before)
        return reach.where(self.own.close.notna())

    @cached_property
    def atr(self) -> Series:
        return wilder(self.true_range, 14)

    @cached_property
    def log_range(self) -> Series:
        return np.log(self.own.high / self.own.low)

    @cached_property
    def band(self) -> tuple[Series, Series]:
        past = rolling(self.log_close, 20)
        return past.mean(), past.std(ddof=0)

    @cached_property
    def typical(self) -> Series:
        return (self.own.high + self.own.low + self.own.close) / 3

    @cached_property
    def burst(self) -> Series:
        volume = self.own.volume
        return np.log((rolling(volume, 5).mean() / rolling(volume, 240).mean().shift(5)).clip(np.exp(-8), np.exp(8)))

    @cached_property
    def volume_z(self) -> Series:
        return zscore(np.log1p(rolling(self.own.volume, 15).mean()), 1440)

    @staticmethod
    def gap(log_close: Series) -> Series:
        """Mean over four windows of the distance to the 80 % quantile, a square root of a minute, bps."""
        gaps = [(log_close - rolling(log_close, k).quantile(0.8)) / np.sqrt(k) for k in (60, 150, 300, 480)]
        return 1e4 * sum(gaps[1:], gaps[0]) / 4

    @cached_property
    def thrust(self) -> Series:
        above = self.own.close - rolling(self.own.high, 60).max().shift()
        below = self.own.close - rolling(self.own.low, 60).min().shift()
        return ((above.clip(lower=0) + below.clip(upper=0)) / self.atr).clip(-10, 10)

    @cached_property
    def hour(self) -> tuple[Series, Series]:
        return rolling(self.own.high, 60).max(), rolling(self.own.low, 60).min()

    def momentum(self) -> Table:
        asked = (1, 2, 5, 15, 30, 60, 240, 720, 1440)
        returns = {minutes: self.log_close - self.last.shift(minutes) for minutes in asked}
        made = {f"ret_{minutes}": (1e4 * move).clip(-5e4, 5e4) for minutes, move in returns.items()}
        made["ret_120_yesterday"] = 1e4 * (self.last.shift(1320) - self.last.shift(1440))
        made |= {f"ret_z_{minutes}": zscore(returns[minutes], 1440) for minutes in (5, 15, 60, 240)}
        made |= {f"ret_ew_{span}": 1e4 * ema(self.r, span) for span in (5, 15)}
        emas = {span: ema(self.log_close, span) for span in (5, 8, 12, 21, 26, 34)}
        made |= {f"ema_{fast}_{slow}": 1e4 * (emas[fast] - emas[slow]) for fast, slow in ((5, 21), (8, 34))}
        change = self.own.close - self.own.close.ffill(limit=60).shift()
        for length in (7, 14):
            up, down = wilder(change.clip(lower=0), length), wilder(-change.clip(upper=0), length)
            made[f"rsi_{length}"] = still(100 * up / (up + down), (up + down).round(12), 50)
        line = emas[12] - emas[26]
        quarter = returns[15]
        return made | {
            "adx": self._adx(),
            "macd": 1e4 * line,
            "macd_histogram": 1e4 * (line - ema(line, 9)),
            "acceleration": ((quarter - quarter.shift(15)) / (self.sigma[240] * np.sqrt(30 / 1440))).clip(-10, 10),
        }

    def _adx(self) -> Series:
        up, down = self.own.high.diff(), -self.own.low.diff()
        plus = wilder(up.where((up > down) & (up > 0), 0.0).where(up.notna()), 14)
        minus = wilder(down.where((down > up) & (down > 0), 0.0).where(up.notna()), 14)
        return 100 * wilder(((plus - minus).abs() / (plus + minus)).where(up.notna()), 14)

    def trend(self) -> Table:
        walked = {minutes: rolling(self.r.abs(), minutes).sum() for minutes in (60, 240)}
        net = {minutes: rolling(self.r, minutes).sum() for minutes in (60, 240)}
        mean = ema(self.own.close, 21)
        clock = pd.Series(np.arange(len(self.own), dtype=float), index=self.own.index).where(self.last.notna())
        slope = rolling(self.last, 30).cov(clock, ddof=0) / rolling(clock, 30).var(ddof=0)
        return {
            "trend_str": still(net[60] / walked[60], walked[60], 0),
            "efficiency_ratio": still((net[240] / walked[240]).abs(), walked[240], 0),
            "ema_slope": ((mean - mean.shift(5)) / self.atr).clip(-5, 5),
            "momentum_slope": (slope * 30 / (self.sigma[240] * np.sqrt(30 / 1440))).clip(-10, 10),
            "htf": self._htf(),
        }

    def _htf(self) -> Series:
        frames = []
        for minutes in (15, 60, 240):
            bars = self.log_close.resample(f"{minutes}min").last()
            past = rolling(bars, 8)
            place = (0.5 + (bars - past.mean()) / (4 * past.std(ddof=0))).clip(0, 1)
            place.index += pd.Timedelta(minutes=minutes - 1)  # the open of the minute that closes the bar
            frames.append(place.reindex(self.own.index).ffill(limit=minutes - 1))
        table = pd.concat(frames, axis=1)
        return table.mean(axis=1).where(table.notna().sum(axis=1) >= 2)

    def volatility(self) -> Table:
        body = np.log(self.own.close / self.own.open)
        fives = self.log_close.diff(5)
        klass = 0.5 * self.log_range**2 - (2 * np.log(2) - 1) * body**2
        middle, deviation = self.band
        fallen = rolling(self.r.clip(upper=0) ** 2, 240).sum()
        return {
            "atr": 1e4 * self.atr / self.own.close,
            **{f"realised_vol_{minutes}": self.sigma[minutes].clip(upper=100) for minutes in (60, 240, 1440)},
            "realised_vol_5m": np.sqrt(288 * rolling(fives**2, 240).mean()).clip(upper=100),
            "parkinson": np.sqrt(1440 / (4 * np.log(2)) * rolling(self.log_range**2, 60).mean()),
            "garman_klass": np.sqrt(1440 * rolling(klass, 60).mean()),
            "vol_regime": sampled_rank(self.sigma[60]),
            "vol_ratio": (self.sigma[60] / self.sigma[1440]).clip(upper=20),
            "vol_acceleration": (self.sigma[15] / self.sigma[240]).clip(upper=20),
            "drawdown": 1e4 * (rolling(self.log_close, 240).max() - self.log_close),
            "run_up": 1e4 * (self.log_close - rolling(self.log_close, 720).min()),
            "drawdown_speed": (rolling(self.log_close, 60).max() - self.log_close)
            / (self.sigma[1440] * np.sqrt(60 / 1440)),
            "downside_share": still(fallen / rolling(self.r**2, 240).sum(), rolling(self.r.abs(), 240).sum(), 0.5),
            "bb_width": 4e4 * deviation,
            "bb_position": 0.5 + (self.log_close - middle) / (4 * deviation),
        }

    def volume(self) -> Table:
        own, volume = self.own, self.own.volume
        worth = self.typical * volume
        vwap = rolling(worth, 240).sum() / rolling(volume, 240).sum()
        price_impact = (1e4 * self.r.abs() / (worth.where(worth > 0) / 1e6)).clip(upper=np.inf)
        trades = rolling(own.trades, 15).mean()
        net = 2 * own.taker_buy_volume - volume
        return {
            "vwap_distance": 1e4 * np.log(own.close / vwap),
            "amihud": rolling(price_impact, 60).mean().clip(upper=1e6),
            "volume_z": self.volume_z,
            "vol_jump": zscore(np.log1p(rolling(volume, 5).mean()), 1440),
            "volume_burst": self.burst,
            "trade_count_z": zscore(np.log1p(trades), 1440),
            **{f"taker_imbalance_{minutes}": imbalance(own, minutes) for minutes in (1, 5, 15, 60, 240)},
            **{
                f"taker_imbalance_ew_{span}": (ema(net, span) / ema(volume, span)).where(rolling(volume, 60).sum() > 0)
                for span in (5, 15)
            },
        }

    def microstructure(self) -> Table:
        own = self.own
        pair_high, pair_low = np.maximum(own.high, own.high.shift()), np.minimum(own.low, own.low.shift())
        beta = self.log_range**2 + (self.log_range**2).shift()
        root = 3 - 2 * np.sqrt(2)
        alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / root - np.sqrt(np.log(pair_high / pair_low) ** 2 / root)
        schultz = (2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))).clip(lower=0)
        moves = rolling((self.r != 0).astype(float).where(self.r.notna()), 30).sum()
        risen = rolling((self.r > 0).astype(float).where(self.r.notna()), 30).sum()
        located = self._close_location() * own.volume
        upper, lower = own.high - np.maximum(own.open, own.close), np.minimum(own.open, own.close) - own.low
        walked, volume = rolling(own.high - own.low, 30).sum(), rolling(own.volume, 15).sum()
        cov = rolling(self.r, 240).cov(self.r.shift(), ddof=0)
        return {
            "spread_bps": 1e4 * self._edge().clip(lower=0),
            "roll_bps": 2e4 * np.sqrt((-cov).clip(lower=0)),
            "corwin_schultz_bps": 1e4 * rolling(schultz, 240).mean(),
            "uptick": still(risen / moves, moves, 0.5),
            "micro": 50 * (1 + still(rolling(located, 15).sum() / volume, volume, 0)),
            "wick_balance": still(rolling(lower - upper, 30).sum() / walked, walked, 0),
        }

    def _close_location(self) -> Series:
        own, spread = self.own, self.own.high - self.own.low
        return (((own.close - own.low) - (own.high - own.close)) / spread).where(spread > 0, 0.0).where(spread.notna())

    def _edge(self) -> Series:
        o, h, lo, c = (np.log(self.own[name]) for name in ("open", "high", "low", "close"))
        m = (h + lo) / 2
        h1, l1, c1, m1 = h.shift(), lo.shift(), c.shift(), m.shift()
        whole = (o + c + m + c1 + m1).notna()
        r1, r2, r3, r4, r5 = (x.where(whole) for x in (m - o, o - m1, m - c1, c1 - m1, o - c1))
        tau = ((h != lo) | (lo != c1)).astype(float).where(whole)

        def mean(x: Series) -> Series:
            return rolling(x, 239).mean()

        pt = mean(tau)
        a = -4 / mean(tau * ((o != h).astype(float) + (o != lo)))
        b = -4 / mean(tau * ((c1 != h1).astype(float) + (c1 != l1)))
        d1, d3, d5 = (mean(r) / pt for r in (r1, r3, r5))
        # x = a d1 r2 + b r3 d4 with d = r - tau mean(r) / pt: multiplied out, since the means are the window's.
        estimates = []
        for inner, outer, d in ((r2, r3, d3), (r5, r5, d5)):
            first = (r1 * inner, tau * inner, outer * r4, tau * r4)
            weights = (a, -a * d1, b, -b * d)
            expected = sum(weight * mean(term) for weight, term in zip(weights, first, strict=True))
            squared = sum(
                (1 if i == j else 2) * weights[i] * weights[j] * mean(first[i] * first[j])
                for i in range(4)
                for j in range(i, 4)
            )
            estimates.append((expected, squared - expected**2))
        (e1, v1), (e2, v2) = estimates
        s2 = ((v2 * e1 + v1 * e2) / (v1 + v2)).where(v1 + v2 > 0, (e1 + e2) / 2)
        return np.sign(s2) * np.sqrt(s2.abs())

    def breakout(self) -> Table:
        own = self.own
        expansion = rolling(self.true_range, 5).mean() / rolling(self.true_range, 240).mean().shift(5)
        firm = 0.5 + 0.5 * np.sign(self.thrust) * self._close_location()
        carried = (0.5 + 0.5 * self.burst).clip(0, 1)
        parts = self.burst.clip(0, 1) + ((expansion - 1) / 2).clip(0, 1) + self.thrust.abs().clip(0, 1)
        made = {
            "ignition_score": 100 * parts / 3,
            "breakout_thrust": self.thrust,
            "breakout_quality": (firm * carried).where(self.thrust != 0, 0.0),
        }
        for name, minutes in (("range_position_60", 60), ("price_position", 240), ("range_position_1440", 1440)):
            top, bottom = (
                self.hour if minutes == 60 else (rolling(own.high, minutes).max(), rolling(own.low, minutes).min())
            )
            made[name] = still((own.close - bottom) / (top - bottom), top - bottom, 0.5)
        return made

    def compression(self) -> Table:
        own, (top, bottom) = self.own, self.hour
        width = own.high - own.low
        narrowest = (width == width.rolling(7).min()).where(width.rolling(7).min().notna())
        net = self.log_close - self.last.shift(60)
        given = (top - own.close).where(net >= 0, own.close - bottom)
        return {
            "compression": 1 - sampled_rank(self.band[1]),
            "compress_rank": 1 - sampled_rank(np.log(top / bottom)),
            "nr7_density": rolling(narrowest.astype(float), 60).mean(),
            "upper_gap": self.gap(self.log_close),
            "mean_rev": np.tanh(zscore(self.log_close, 240) / 2),
            "pullback": still(given / (top - bottom), top - bottom, 0).where(net.notna()),
            "entropy": self._entropy(),
        }

    def _entropy(self) -> Series:
        a, b, c = self.own.close.shift(2), self.own.close.shift(), self.own.close
        code = (4.0 * (a > b) + 2.0 * (b > c) + (a > c)).where((a + b + c).notna())
        entropy = pd.Series(0.0, index=code.index)
        for pattern in (0, 2, 3, 4, 5, 7):
            share = rolling((code == pattern).astype(float).where(code.notna()), 240).mean()
            entropy -= (share * np.log(share.where(share > 0))).fillna(0.0).where(share.notna())
        return entropy / np.log(6)

    def distribution(self) -> Table:
        past = rolling(self.r, 240)
        n = past.count()
        clock = pd.Series(np.arange(len(self.own), dtype=float), index=self.own.index).where(self.log_close.notna())
        price = rolling(self.log_close, 240)
        cov, var = price.cov(clock, ddof=0), rolling(clock, 240).var(ddof=0)
        line = price.mean() + cov / var * (clock - rolling(clock, 240).mean())
        left = price.var(ddof=0) - cov**2 / var
        return {
            # pandas has the sample estimators G1 and G2; g1 and g2 are what they correct.
            "skew": past.skew() * (n - 2) / np.sqrt(n * (n - 1)),
            "kurt": (past.kurt() * (n - 2) * (n - 3) / (n - 1) - 6) / (n + 1),
            "tail_ratio": (past.quantile(0.95).abs() / past.quantile(0.05).abs()).clip(upper=20),
            "line_residual_z": (self.log_close - line) / np.sqrt(left),
            "autocorrelation": past.corr(self.r.shift()),
            "variance_ratio": rolling(self.log_close - self.last.shift(15), 240).var(ddof=0) / (15 * past.var(ddof=0)),
        }

    def relative_strength(self) -> Table:
        r, b = self.r, self.b
        excess = r - b
        z = rolling(excess, 240).sum() / np.sqrt(rolling(excess**2, 240).mean() * 240)
        other = np.log(self.benchmark.close).ffill(limit=60)
        both = (r + b).notna()
        own_both, other_both = r.where(both), b.where(both)
        cov, var = rolling(own_both, 240).cov(other_both, ddof=0), rolling(other_both, 240).var(ddof=0)
        beta = cov / var
        left = rolling(own_both, 240).var(ddof=0) - beta * cov
        off = {
            minutes: (rolling(own_both, minutes).sum() - beta * rolling(other_both, minutes).sum())
            / np.sqrt(minutes * left)
            for minutes in (5, 15, 60)
        }
        gap = (self.gap(self.log_close) + self.gap(np.log(self.benchmark.close))) / 2
        return {
            "rs": 50 * (1 + np.tanh(z / 2)),
            "leader": (rolling(r.shift(), 240).corr(b) - rolling(b.shift(), 240).corr(r)) / 2,
            "beta": beta.clip(-10, 10),
            "benchmark_correlation": rolling(r, 240).corr(b),
            "residual_z": off[60].clip(-10, 10),
            **{f"catch_up_{minutes}": -off[minutes].clip(-10, 10) for minutes in (5, 15)},
            **{f"benchmark_ret_{minutes}": 1e4 * (other - other.shift(minutes)) for minutes in (1, 5, 15, 60)},
            **{f"benchmark_imbalance_{minutes}": imbalance(self.benchmark, minutes) for minutes in (15, 60)},
            "quiet_gap": gap * np.exp(-self.volume_z.clip(-3, 3) / 2),
        }

    def temporal(self) -> Table:
        close: Any = self.own.index + pd.Timedelta(minutes=1)
        minute = close.hour * 60 + close.minute
        week = 1440 * close.day_of_week + minute
        angles = {"minute_of_day": 2 * np.pi * minute / 1440, "day_of_week": 2 * np.pi * week / 10080}
        made = {
            f"{name}_{wave.__name__}": pd.Series(wave(angle), index=self.own.index)
            for name, angle in angles.items()
            for wave in (np.sin, np.cos)
        }
        return made | {"session": pd.Series(close.hour // 8, index=self.own.index).astype(float)}

    def carry(self) -> Table:
        known: Any = self.own.index + pd.Timedelta(minutes=1)
        rates, day = 1e4 * self.funding, pd.Timedelta(hours=24)
        sums = {"funding_rate": rates, "funding_mean": rates.rolling(3).mean()}
        made = {
            name: pd.Series(value.reindex(known, method="ffill", tolerance=day).to_numpy(), index=self.own.index)
            for name, value in sums.items()
        }
        paid = rates.cumsum()
        so_far = paid.reindex(known, method="ffill").to_numpy()
        before = paid.reindex(known - day, method="ffill").fillna(0.0).to_numpy()
        return made | {"funding_carry": pd.Series(so_far - before, index=self.own.index)}
