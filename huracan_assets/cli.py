"""`huracan`: the operator's command line. Commands are thin; what they need loads when they run.

An error of the engine is one sentence and exit code 1, never a traceback.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from huracan_assets import cli_features, cli_market
from huracan_assets.cli_arguments import EXAMPLE_DAY, DayArgument, SymbolArgument, read_ended_day, read_symbol_day
from huracan_assets.errors import HuracanError, MarketError, SettingsError
from huracan_assets.observability.console import console, say

if TYPE_CHECKING:
    from huracan_assets.gates.verdict import GateVerdict
    from huracan_assets.resources.processes import Running

DEMO_DAY, DEMO_SYMBOL = EXAMPLE_DAY, "BTC-USDT"
NIGHTS_SHOWN = 7
NIGHT_COLUMNS = ("night", "market", "universe", "brains", "close", "outcome", "no verdict")
UNIVERSE_COLUMNS = ("rank", "symbol", "quote_volume", "spread_bps", "age_days", "completeness", "reason")
VERDICT_COLUMNS = ("gate", "figure", "value", "must be", "bound", "result")

FULL_OR_CLOSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
OTHER_HOME = "make room, or correct its rights, or set HURACAN_HOME to a folder elsewhere"

NEXT = """\
What next
  the web UI, this run in it asset by asset
      {here}make up
  another symbol-day
      {here}{huracan} run 2025-06-29 ETH-USDT
  the same market with an edge planted in it, for the gates to find
      HURACAN_HOME=.huracan-edge HURACAN_MARKET__SYNTHETIC__EDGE=0.25 {huracan} demo
  candles from a folder of Parquet, CSV or ZIP files
      HURACAN_HOME=.huracan-archive HURACAN_MARKET__SOURCE=archive HURACAN_MARKET__ARCHIVE=FOLDER \\
        {huracan} run DAY SYMBOL
  candles from a real exchange, through its public endpoints
      HURACAN_HOME=.huracan-live HURACAN_MARKET__SOURCE=ccxt {huracan} run DAY SYMBOL
A home keeps the candles it has: each market wants a HURACAN_HOME of its own."""


class Commands(TyperGroup):
    """Says an error of the engine in its own words."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except HuracanError as error:
            _refuse(str(error))
        except OSError as error:
            if error.filename is None and error.errno not in FULL_OR_CLOSED:
                raise
            from huracan_assets.settings import home

            where = error.filename or f"the disk of {home()}"
            _refuse(f"{where} cannot be read or written ({error.strerror}): {OTHER_HOME}")
        except KeyboardInterrupt:
            say("huracan: interrupted", Console(stderr=True))
            raise typer.Exit(130) from None


def _refuse(sentence: str) -> NoReturn:
    say(f"huracan: {sentence}", Console(stderr=True, style="red", highlight=False, soft_wrap=True))
    raise typer.Exit(1) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Trains, judges and hands over the Baseline Brains, every night.",
)
bundle = typer.Typer(no_args_is_help=True, help="Hand-off bundles.")
app.add_typer(bundle, name="bundle")
app.add_typer(cli_market.app, name="market")
app.add_typer(cli_features.app, name="features")


@app.command()
def demo() -> None:
    """A finished nightly symbol-day on the embedded default, from candles to the verdict of the gates."""
    _run(DEMO_DAY, DEMO_SYMBOL)
    say(f"\n{next_steps(os.environ, _own_name())}")


def next_steps(environment: Mapping[str, str], huracan: str) -> str:
    """What to type next; where this run was given a home or a market of its own, the next one needs them too."""
    own = sorted((name, value) for name, value in environment.items() if name.startswith("HURACAN_"))
    return NEXT.format(here="".join(f"{name}={shlex.quote(value)} " for name, value in own), huracan=huracan)


@app.command()
def run(day: DayArgument, symbol: SymbolArgument) -> None:
    """Materialize a symbol-day, from candles to hand-off, and show its verdict."""
    _run(*read_symbol_day(day, symbol))


@app.command()
def verdict(day: DayArgument, symbol: SymbolArgument) -> None:
    """The verdict of a symbol-day that has run."""
    _show_verdict(*read_symbol_day(day, symbol))


@app.command()
def night(day: DayArgument) -> None:
    """Start the night of a day by hand, all symbols, as the schedule does; needs `huracan up`."""
    from huracan_assets.resources import processes
    from huracan_assets.settings import home, settings

    wanted = read_ended_day(day)
    services = {running.name: running for running in processes.status(home())}
    if "dagster-daemon" not in services:
        raise SettingsError(f"no dagster-daemon runs for {home()}, which alone starts runs: `huracan up`")
    from huracan_assets import instance

    run_id = instance.launch_night(wanted)
    listed = settings().market.listed(wanted)
    size = settings().market.universe.size
    say(f"The night of {wanted} has begun: {len(listed)} candidates, of whom {size} at most are picked.")
    say(f"Its market run: {run_id}")
    if "dagster-webserver" in services:
        say(f"Watch it: {services['dagster-webserver'].url}/runs/{run_id}")
    say("`huracan status` shows how far it is.")


@app.command()
def universe(day: DayArgument) -> None:
    """The candidates of a day, which of them got a Brain, and why the others did not."""
    from huracan_assets.market.universe import read_universe
    from huracan_assets.observability.terminal import table
    from huracan_assets.resources.lake import Lake

    wanted = read_ended_day(day)
    found = read_universe(Lake.open(), wanted)
    if found is None:
        raise MarketError(f"the universe of {wanted} is not picked yet: a night does it, `huracan night {wanted}`")
    rows = [candidate.model_dump() for candidate in found.candidates]
    console().print(table(rows, UNIVERSE_COLUMNS))
    say(f"{len(found.picked)} of {len(rows)} candidates, by the {found.window_days} days to {wanted}")


@app.command()
def status() -> None:
    """Services, home, and the newest nights."""
    from huracan_assets.observability.terminal import table
    from huracan_assets.resources import processes
    from huracan_assets.settings import home

    say(f"home      {home()}")
    _show_services(processes.status(home()))
    if not (home() / "dagster").is_dir():
        say("nights    none yet: `huracan up`, then 02:00 UTC or `huracan night DAY`")
        return
    rows = _nights()
    if not rows:
        say("nights    none yet: 02:00 UTC, or `huracan night DAY`")
        return
    console().print(table(rows, NIGHT_COLUMNS))


@app.command()
def up() -> None:
    """Start Postgres, MLflow, Dagster's web UI and its daemon on this machine; returns when each answers."""
    from huracan_assets.resources import local_engine
    from huracan_assets.settings import settings

    settings()
    _show_services(local_engine.start())
    say("The schedule `nightly` runs at 02:00 UTC. `huracan down` stops everything.")


@app.command()
def down() -> None:
    """Stop what `up` started."""
    from huracan_assets.resources import processes
    from huracan_assets.settings import home

    for stopped in processes.down(home()):
        say(f"{stopped.name:<18} {stopped.outcome}")


@app.command()
def env() -> None:
    """The variables by which other tools find this home: eval "$(huracan env)"."""
    import shlex

    from huracan_assets.resources import local_engine
    from huracan_assets.settings import home

    local_engine.dagster_home(home())
    for name, value in local_engine.environment(home()).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def config() -> None:
    """The settings in force, as YAML."""
    import yaml

    from huracan_assets.settings import settings

    typer.echo(yaml.safe_dump(settings().model_dump(mode="json"), sort_keys=False), nl=False)


@bundle.command("verify")
def bundle_verify(
    folder: Annotated[Path, typer.Argument(help="bundles/SYMBOL/DAY of a home")],
    key: Annotated[Path | None, typer.Option(help="public key; this home's where none is given")] = None,
) -> None:
    """Check a bundle as the execution side does: signature, every file, the approval."""
    from huracan_assets.observability.terminal import table
    from huracan_assets.registry.bundle import bundle_names, load_bundle
    from huracan_assets.registry.signing import KEY_NAME, read_public_key
    from huracan_assets.settings import home

    bundle_names(folder)  # first: where there is no bundle, the want of a key is nobody's question
    loaded = load_bundle(folder, read_public_key(key or home() / "keys" / f"{KEY_NAME}.pub"))
    rows = [{"file": file.name, "bytes": file.size, "sha256": file.sha256} for file in loaded.manifest.files]
    console().print(table(rows, ("file", "bytes", "sha256")))
    for name, value in loaded.manifest.metadata.items():
        say(f"{name:<13} {value}")
    say(f"content       {loaded.content_sha256}\nsigned, whole, approved")


def _run(day: date, symbol: str) -> None:
    from huracan_assets import instance
    from huracan_assets.observability import terminal
    from huracan_assets.resources.postgres import database_url
    from huracan_assets.settings import home, settings

    log = home() / "logs" / f"run.{day}.{symbol}.log"
    market = settings().market
    say(f"{symbol} on {day}, {market.source} market. Home: {home()}. Log: {log}")
    database_url("dagster")  # an unreachable Postgres is said at once, and the embedded one starts but once
    rooms, checks = instance.steps()
    with terminal.steps(console(), rooms, checks) as shown:
        for event in instance.materialize(day, symbol, log):
            if event.step is not None and event.kind == "STEP_START":
                shown.started(event.step)
            elif event.step is not None:
                shown.ended(event.step, event.text, failed=event.kind == "STEP_FAILURE")
            elif event.kind == "RUN_SUCCESS":
                shown.succeeded()
    _show_verdict(day, symbol)


def _show_verdict(day: date, symbol: str) -> None:
    from huracan_assets.gates.verdict import GateVerdict
    from huracan_assets.observability import terminal
    from huracan_assets.resources.lake import Lake

    lake = Lake.open()
    found = lake.read_model("gate_verdict", symbol, day, GateVerdict)
    say(f"\nThe seven gates, {symbol} on {day}")
    console().print(terminal.table(found.rows(), VERDICT_COLUMNS))
    say(f"verdict    {_word(found)}")
    if lake.has("handoff_bundle", symbol, day, "json"):
        handoff = lake.read_document("handoff_bundle", symbol, day)
        say(_handoff(symbol, day, handoff))
    say(_window(day) + f"\nartifacts  {lake.base}/ASSET/{symbol}/{day}.*")


def _word(found: GateVerdict) -> str:
    """The verdict, and for each line that has a figure and fails, why."""
    from huracan_assets.observability.tables import formatted

    if found.approved:
        return "approved, provisional: there is too little live history yet" if found.provisional else "approved"
    because = [
        f"  {line.figure_name}: {formatted(line.figure)}, must be {line.direction} {formatted(line.bound)} "
        f"({line.sentence})"
        for line in found.failures
        if line.figure is not None
    ]
    return "\n".join([f"rejected: {len(found.failures)} of {len(found.lines)} lines fail", *because])


def _handoff(symbol: str, day: date, handoff: dict[str, object]) -> str:
    from huracan_assets.settings import home

    if handoff["handed_over"]:
        folder = home() / "bundles" / symbol / day.isoformat()
        return f"bundle     {folder}, signed; check it with `huracan bundle verify {folder}`"
    return "bundle     none: only an approved Brain is handed over"


def _window(day: date) -> str:
    from huracan_assets.days import days_until
    from huracan_assets.settings import settings

    window = days_until(day, settings().look_back_days)
    return f"look-back  {len(window)} days, {window[0]} to {window[-1]}"


def _nights() -> list[dict[str, object]]:
    """The nights Dagster knows, each with what its close found."""
    from huracan_assets import instance
    from huracan_assets.health.night_report import NightReport
    from huracan_assets.market.universe import ALL, read_universe
    from huracan_assets.resources.lake import Lake

    lake = Lake.open()
    rows: list[dict[str, object]] = []
    for known in instance.nights(NIGHTS_SHOWN):
        row: dict[str, object] = dict.fromkeys(NIGHT_COLUMNS)
        row |= {"night": known.day, "market": known.market, "universe": known.universe, "close": known.close}
        picked = read_universe(lake, known.day)
        if picked is not None:
            row["universe"] = f"{len(picked.picked)} of {len(picked.candidates)}"
        row["brains"] = ", ".join(f"{count} {state}" for state, count in sorted(known.brains.items()))
        if known.waits_for is not None:
            row["brains"] = f"wait for the close of {known.waits_for}"
        if lake.has("daily_metrics", ALL, known.day, "json"):
            report = lake.read_model("daily_metrics", ALL, known.day, NightReport)
            outcomes = sorted({line.outcome for line in report.symbols})
            row["outcome"] = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in outcomes)
            row["no verdict"] = ", ".join(report.unfinished)
        rows.append(row)
    return rows


def _show_services(services: list[Running]) -> None:
    if not services:
        say("services  none: `huracan up` starts them")
    for running in services:
        say(f"{running.name:<18} {running.url or f'process {running.pid}'}")


def _own_name() -> str:
    """How the reader's shell finds this command: by name, or by its path from here."""
    return "huracan" if shutil.which("huracan") else os.path.relpath(sys.argv[0])
