"""Where a setting comes from, and what a wrong one says."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from huracan_assets.errors import SettingsError
from huracan_assets.settings import CONFIG_FOLDER, Settings, deep_merge, home, read_settings
from huracan_assets.settings import tree as module
from huracan_assets.settings.variables import OTHERS, variables


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the engine's folders stay: no setting of the user's reaches a test."""
    for name in list(os.environ):
        if name.startswith("HURACAN_") and name not in ("HURACAN_HOME", "HURACAN_LAKE"):
            monkeypatch.delenv(name)


def refusal(profile: str | None = "local", overrides: dict[str, Any] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        read_settings(profile, overrides)
    return str(caught.value)


@pytest.mark.parametrize("profile", sorted(file.stem for file in CONFIG_FOLDER.glob("*.yaml")))
def test_every_profile_is_valid(profile: str) -> None:
    assert read_settings(profile).look_back_days >= 2


def test_the_profile_is_the_variables_else_local(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings() == read_settings("local")
    monkeypatch.setenv("HURACAN_PROFILE", "production")
    assert read_settings().market.source == "ccxt"
    assert read_settings("local").market.source == "synthetic", "an argument wins over the variable"


def test_a_variable_wins_over_overrides_and_overrides_over_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings("local", {"gates": {"sharpe_min": 2.0}}).gates.sharpe_min == 2.0
    monkeypatch.setenv("HURACAN_GATES__SHARPE_MIN", "1.5")
    found = read_settings("local", {"gates": {"sharpe_min": 2.0, "trades_min": 7}})
    assert (found.gates.sharpe_min, found.gates.trades_min) == (1.5, 7)
    assert found.gates.win_rate_min == read_settings("local").gates.win_rate_min, "the other leaves stay"


def test_a_deep_leaf_and_a_list_can_be_set_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_LEARNING__PPO__EPOCHS", "2")
    monkeypatch.setenv("HURACAN_MARKET__SYMBOLS", '["BTC-USDT", {"symbol": "OLD-USDT", "delisted": "2024-01-02"}]')
    found = read_settings("local")
    assert found.learning.ppo.epochs == 2
    assert found.market.symbol_names() == ("BTC-USDT", "OLD-USDT")


def test_an_unknown_key_is_refused_by_name() -> None:
    assert "gates.sharp_min" in refusal(overrides={"gates": {"sharp_min": 1.0}})
    assert "gaits" in refusal(overrides={"gaits": {}})


@pytest.mark.parametrize(
    ("variable", "right"),
    [
        ("HURACAN_MARKET__SOURC", "HURACAN_MARKET__SOURCE"),
        ("HURACAN_MARKET_SOURCE", "HURACAN_MARKET__SOURCE"),
        ("HURACAN_MARKET__SYMBOLS__0", "HURACAN_MARKET__SYMBOLS"),
        ("HURACAN_GATE__SHARPE_MIN", "HURACAN_GATES__SHARPE_MIN"),
        ("HURACAN_DECISION_MIN_CONFIDENCE", "HURACAN_DECISION__MIN_CONFIDENCE"),
        ("HURACAN_LEARNING__PPO__EPOCH", "HURACAN_LEARNING__PPO__EPOCHS"),
        ("HURACAN_LOOK_BACK_DAY", "HURACAN_LOOK_BACK_DAYS"),
        ("HURACAN_PROFLE", "HURACAN_PROFILE"),
        ("huracan_home", "HURACAN_HOME"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_name(
    variable: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    assert f"{variable} is no variable of the engine, the nearest is {right}:" in refusal()


def test_a_setting_is_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("huracan_gates__sharpe_min", "1.5")
    assert read_settings("local").gates.sharpe_min == 1.5


def test_the_engines_other_variables_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OTHERS:
        monkeypatch.setenv(name, "local")
    assert read_settings() == read_settings("local")


def test_every_variable_that_code_or_a_page_names_is_one_of_the_engine(repository: Path) -> None:
    """But for those that two files misspell."""
    misspelling = (Path(__file__), repository / "huracan_assets_tests" / "test_cli.py")
    files = [repository / "Makefile", *repository.glob("*.md"), *(repository / "deploy").rglob("*.*")]
    for package in ("huracan_assets", "huracan_assets_tests"):
        files += [*(repository / package).rglob("*.py"), *(repository / package).rglob("*.md")]
    told = set[str]()
    for file in files:
        if file not in misspelling and file.suffix != ".png":
            told |= set(re.findall(r"\bHURACAN_[A-Z0-9_]*[A-Z0-9]\b", file.read_text(encoding="utf-8")))
    assert told - dict(variables(Settings)).keys() == set(OTHERS)


@pytest.mark.parametrize(
    ("variable", "value", "form"),
    [
        ("HURACAN_MARKET__SYMBOLS", "BTC-USDT,ETH-USDT", """HURACAN_MARKET__SYMBOLS='["BTC-USDT", "ETH-USDT"]'"""),
        ("HURACAN_MARKET__SYMBOLS", "[BTC-USDT, 'ETH-USDT']", """HURACAN_MARKET__SYMBOLS='["BTC-USDT", "ETH-USDT"]'"""),
        ("HURACAN_MARKET__COLLECT", "funding_rates", """HURACAN_MARKET__COLLECT='["funding_rates"]'"""),
        ("HURACAN_MARKET__WITNESSES", "", "HURACAN_MARKET__WITNESSES='[]'"),
        ("HURACAN_ANALYSTS__HORIZONS", "30,60", "HURACAN_ANALYSTS__HORIZONS='[30, 60]'"),
        ("HURACAN_MARKET", "ccxt", """HURACAN_MARKET='{"source": ...}', or a leaf alone, HURACAN_MARKET__SOURCE=..."""),
    ],
)
def test_a_list_or_a_section_that_is_no_json_is_told_in_its_right_form(
    variable: str, value: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    message = refusal()
    assert f"{variable}={value} is no JSON: write {form}" in message
    assert "\n" not in message


@pytest.mark.parametrize("value", ["5", "null", "{}", "[]", '"a"', '[{"a": 1}]', '{"a": [null]}'])
def test_json_of_another_kind_than_a_list_or_section_wants_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanting = [name for name, kind in variables(Settings) if not isinstance(kind, type) or issubclass(kind, BaseModel)]
    assert {"HURACAN_MARKET", "HURACAN_MARKET__SYMBOLS", "HURACAN_ANALYSTS__SIZES"} < set(wanting)
    for name in wanting:
        with monkeypatch.context() as patched:
            patched.setenv(name, value)
            with suppress(SettingsError):  # and nothing else
                read_settings("local")


def test_an_archive_may_lie_in_the_users_home_or_beside_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for spelt in ("~/candles", "candles", str(tmp_path / "candles")):
        monkeypatch.setenv("HURACAN_MARKET__ARCHIVE", spelt)
        assert read_settings("local").market.archive == tmp_path / "candles"


def test_a_missing_profile_is_named_with_where_to_look() -> None:
    message = refusal("nightly")
    assert "nightly.yaml" in message
    assert str(CONFIG_FOLDER) in message


def test_a_profile_that_is_no_yaml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base.yaml").write_text((CONFIG_FOLDER / "base.yaml").read_text())
    monkeypatch.setattr(module, "CONFIG_FOLDER", tmp_path)
    for text in ("gates: [1", "- gates"):
        (tmp_path / "mine.yaml").write_text(text)
        assert "mine.yaml" in refusal("mine")


def test_a_profile_changes_its_leaves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = read_settings("local")
    (tmp_path / "base.yaml").write_text((CONFIG_FOLDER / "base.yaml").read_text())
    (tmp_path / "mine.yaml").write_text("simulation: {latency_minutes: 3}\n")
    monkeypatch.setattr(module, "CONFIG_FOLDER", tmp_path)
    mine = read_settings("mine")
    assert mine.simulation.latency_minutes == 3
    slower = plain.simulation.model_copy(update={"latency_minutes": 3})
    assert mine.model_dump() == {**plain.model_dump(), "simulation": slower.model_dump()}


def test_an_archive_without_its_folder_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_MARKET__SOURCE", "archive")
    assert "HURACAN_MARKET__ARCHIVE" in refusal()
    monkeypatch.setenv("HURACAN_MARKET__ARCHIVE", "/data")
    assert read_settings("local").market.archive == Path("/data")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"decision_minutes": 7}, "decision_minutes must divide a day"),
        ({"look_back_days": 35}, "leaves 5 days for 8 folds"),
        ({"market": {"symbols": ["BTC-USDT", "BTC-USDT"]}}, "names a symbol twice"),
        ({"market": {"benchmark": "ABC-USDT"}}, "ABC-USDT is not one of market.symbols"),
        ({"market": {"symbols": []}}, "market.symbols"),
        ({"market": {"symbols": ["btc/usdt"]}}, "market.symbols"),
        ({"market": {"source": "rumours"}}, "market.source"),
        ({"simulation": {"latency_minutes": 0}}, "simulation.latency_minutes"),
        ({"learning": {"folds": 1}}, "learning.folds"),
        ({"decision": {"min_confidence": 1.5}}, "decision.min_confidence"),
        ({"gates": {"permutation_p_max": 5.0}}, "gates.permutation_p_max"),
        ({"gates": {"drawdown_max": -1.0}}, "gates.drawdown_max"),
        ({"gates": {"win_rate_min": 50.0}}, "gates.win_rate_min"),
        ({"gates": {"stress_drawdown_multiple": 0.5}}, "gates.stress_drawdown_multiple"),
        ({"gates": {"live_days_min": 1}}, "gates.live_days_min"),
        ({"seed": None}, "seed"),
        (
            {"market": {"symbols": [{"symbol": "OLD-USDT", "delisted": "2024-01-01"}, "BTC-USDT"]}},
            "retired symbols stand last",
        ),
        (
            {
                "market": {
                    "symbols": [
                        "BTC-USDT",
                        {"symbol": "OLD-USDT", "delisted": "2023-01-01"},
                        {"symbol": "NEW-USDT", "delisted": "2024-01-01"},
                    ]
                }
            },
            "retired symbols stand last",
        ),
    ],
)
def test_a_contradiction_or_a_value_out_of_range_is_refused_by_name(overrides: dict[str, Any], words: str) -> None:
    assert words in refusal(overrides=overrides)


LIMITS = [
    (section, leaf)
    for section in read_settings("local").model_dump()
    if isinstance(branch := getattr(read_settings("local"), section), BaseModel)
    for leaf, value in branch
    if isinstance(value, float)
]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_figure_of_any_section_is_nan_or_infinite(value: float) -> None:
    assert len(LIMITS) > 50
    for section, leaf in LIMITS:
        assert f"{section}.{leaf}" in refusal(overrides={section: {leaf: value}})


def test_symbols_may_be_plain_strings_and_a_retired_one_is_listed_until_its_day() -> None:
    symbols = ["BTC-USDT", "ETH-USDT", {"symbol": "OLD-USDT", "delisted": "2024-09-10"}]
    market = read_settings("local", {"market": {"symbols": symbols}}).market
    assert market.symbol_names() == ("BTC-USDT", "ETH-USDT", "OLD-USDT")
    assert market.listed(date(2024, 9, 9)) == market.symbol_names()
    assert market.listed(date(2024, 9, 10)) == ("BTC-USDT", "ETH-USDT")


@given(day=st.dates(date(2021, 1, 1), date(2030, 1, 1)))
def test_the_symbols_of_a_day_are_the_first_of_the_list(day: date) -> None:
    market = read_settings("local").market
    assert market.listed(day) == market.symbol_names()[: len(market.listed(day))]


trees = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)
branches = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(base=branches, over=branches)
def test_a_merge_has_the_leaves_of_the_later_and_changes_neither(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = repr(base), repr(over)
    merged = deep_merge(base, over)
    assert (repr(base), repr(over)) == before
    assert deep_merge(merged, over) == merged
    assert set(merged) == set(base) | set(over)
    for key, value in over.items():
        if not isinstance(value, dict) or not isinstance(base.get(key), dict):
            assert merged[key] == value
    for key in set(base) - set(over):
        assert merged[key] == base[key]


def test_settings_cannot_be_changed() -> None:
    found = read_settings("local")
    with pytest.raises(ValueError, match="frozen"):
        found.gates.sharpe_min = 0.0
    with pytest.raises(ValueError, match="frozen"):
        found.seed = 1


def test_the_home_is_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_HOME", str(tmp_path / "there"))
    assert home() == tmp_path / "there"
    monkeypatch.delenv("HURACAN_HOME")
    monkeypatch.chdir(tmp_path)
    assert home() == tmp_path / ".huracan"


def test_witnesses_of_a_symbol_are_the_others_that_are_listed_that_day() -> None:
    symbols = ["BTC-USDT", "ETH-USDT", {"symbol": "OLD-USDT", "delisted": "2024-09-10"}]
    witnesses = ["OLD-USDT", "BTC-USDT", "XRP-USDT"]
    market = read_settings("local", {"market": {"symbols": symbols, "witnesses": witnesses}}).market
    assert market.witnesses_of("ETH-USDT", date(2024, 9, 9)) == ("OLD-USDT", "BTC-USDT")
    assert market.witnesses_of("BTC-USDT", date(2024, 9, 10)) == ()
