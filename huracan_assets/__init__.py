"""The Huracan Engine. Thread counts are decided here, before any numeric library of this process loads."""

from huracan_assets.resources.compute import ComputeBudget

ComputeBudget.of_machine().apply()
