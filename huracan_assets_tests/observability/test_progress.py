"""Long work says how far it has come; short work says nothing."""

from __future__ import annotations

import pytest

from huracan_assets.observability.progress import LINES, progress


@pytest.mark.parametrize("total", [40, 99, 1000])
def test_a_log_gets_a_line_for_each_tenth_of_the_work(total: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    lines: list[str] = []
    with progress("days", total, lines.append, least=32) as tick:
        for _ in range(total):
            tick()
    assert len(lines) == LINES
    assert lines[-1] == f"days: {total} of {total}"


def test_short_work_says_nothing() -> None:
    lines: list[str] = []
    with progress("days", 31, lines.append, least=32) as tick:
        for _ in range(31):
            tick()
    assert lines == []


def test_a_terminal_gets_a_bar_and_the_log_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    lines: list[str] = []
    with progress("days", 50, lines.append, least=32) as tick:
        for _ in range(50):
            tick()
    assert lines == []
    assert "days" in capsys.readouterr().err
