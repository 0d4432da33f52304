"""Each law of time, kept and broken."""

from __future__ import annotations

import pytest

from huracan_assets.errors import ContractError
from huracan_assets.guards.timestamp_alignment import Order, pipeline_orders, timestamp_alignment
from huracan_assets_tests.guards.leaky_features import AS_OF, MINUTE


def test_each_broken_law_of_time_is_found() -> None:
    ts = AS_OF[:50]
    lawful = {
        "ts": ts, "known_at": ts + MINUTE, "as_of": ts + MINUTE, "used_known_at": ts + MINUTE,
        "decided_at": ts, "entry_at": ts + MINUTE, "exit_at": ts + 9 * MINUTE,
    }  # fmt: skip
    assert timestamp_alignment(pipeline_orders(**lawful)) == []
    broken = {
        "known_at": ("features known_at", ts),
        "ts": ("rising order", ts[::-1]),
        "used_known_at": ("as_of at or after", ts + 2 * MINUTE),
        "entry_at": ("entry after the decision", ts),
        "exit_at": ("exit at or after", ts),
    }
    for name, (what, times) in broken.items():
        found = timestamp_alignment(pipeline_orders(**{**lawful, name: times}))
        assert any(what in finding.subject for finding in found), name
    with pytest.raises(ContractError, match="align them first"):
        timestamp_alignment([Order("x after y", ts, ts[1:], 0.0)])
