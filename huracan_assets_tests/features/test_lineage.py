"""Dagster is told, column by column, what each feature declares that it reads; and every such column exists."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.features.contract import FEATURE_SCHEMA
from huracan_assets.features.lineage import described, lineage, source_column
from huracan_assets.features.optional_inputs import OPTIONAL_ASSETS, OPTIONAL_SCHEMAS
from huracan_assets.features.recipe import RECIPE
from huracan_assets.market.contract import CANDLE_SCHEMA, FUNDING_SCHEMA

SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "candles": CANDLE_SCHEMA,
    "funding_rates": FUNDING_SCHEMA,
    **{asset: OPTIONAL_SCHEMAS[name] for name, asset in OPTIONAL_ASSETS.items()},
}


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    """Of the asset `features` as Dagster has it."""
    from huracan_assets.definitions import defs

    (spec,) = (spec for spec in defs.resolve_all_asset_specs() if spec.key.to_user_string() == "features")
    return dict(spec.metadata)


def test_an_input_is_a_column_of_an_asset() -> None:
    assert source_column("close") == ("candles", "close")
    assert source_column("benchmark.close") == ("candles", "close")
    assert source_column("funding.rate") == ("funding_rates", "rate")
    assert source_column("clock") == ("candles", "ts")
    with pytest.raises(ContractError, match=r"'moon\.phase': moon is none of"):
        source_column("moon.phase")


def test_every_column_that_a_feature_reads_exists_in_the_contract_of_its_asset() -> None:
    for name, columns in lineage(RECIPE).items():
        assert columns, name
        for asset, column in columns:
            assert column in SCHEMAS[asset], (name, asset, column)


def test_dagster_links_each_feature_to_what_its_declaration_reads(metadata: dict[str, Any]) -> None:
    told = metadata["dagster/column_lineage"].deps_by_column
    found = {
        name: {(dep.asset_key.to_user_string(), dep.column_name) for dep in columns} for name, columns in told.items()
    }
    assert found.pop("ts") == {("candles", "ts")}
    assert found.pop("known_at") == {("candles", "known_at")}
    assert found == {feature.name: {source_column(read) for read in feature.inputs} for feature in RECIPE}


def test_every_column_has_its_type_and_its_declaration_as_description(metadata: dict[str, Any]) -> None:
    columns = metadata["dagster/column_schema"].columns
    assert {column.name: column.type for column in columns} == {
        name: str(kind) for name, kind in FEATURE_SCHEMA.items()
    }
    said = {column.name: column.description for column in columns}
    for feature in RECIPE:
        assert said[feature.name] == described(feature)
        assert feature.formula in said[feature.name]
        assert feature.unit in said[feature.name]
        assert all(read in said[feature.name] for read in feature.inputs)


def test_the_page_has_a_line_a_feature(metadata: dict[str, Any]) -> None:
    lines = metadata["columns"].value.splitlines()
    assert len(lines) == len(RECIPE) + 2
    for feature, line in zip(RECIPE, lines[2:], strict=True):
        assert line.startswith(f"| {feature.name.replace('_', chr(92) + '_')} |")
