# Everything a developer, an operator and CI run. Needs python3 (3.11 or newer) and make; `make` alone lists the targets.

PYTHON ?= python3
TEST_ARGS ?=
BENCH ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := $(VENV)/.peers-installed
TORCH := $(shell sed -n '/^torch==/p' constraints.txt)

# One thread a process: two processes with two threads each on two cores run many times slower.
export OMP_NUM_THREADS := 1
export POLARS_MAX_THREADS := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Where it is set, each of the suite's many processes compiles every file anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench up down ui-screenshots clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Huracan needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Name another: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || { echo "Creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing $(TORCH), then the engine and its tools; about two minutes the first time"
	$(BIN)/python -m pip install -c constraints.txt $(TORCH)
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

install: $(STAMP)  ## .venv with the pinned packages and the engine

demo: $(STAMP)  ## a finished nightly symbol-day on the embedded default
	$(BIN)/huracan demo

test: $(STAMP)  ## the whole test suite on two cores; TEST_ARGS='-k gates' for a part
	$(BIN)/python -m pytest -n 2 --dist loadfile $(TEST_ARGS)

lint: $(STAMP)  ## style, format, types, and the order of the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(PEERS): $(STAMP)
	@echo "Installing the peers that the benchmarks compare with"
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev,bench]'
	@touch $@

bench: $(PEERS)  ## the benchmarks, one JSON line each; BENCH='NAME ...' for some
	$(BIN)/python -m huracan_assets_tests.benchmarks $(BENCH)

up: $(STAMP)  ## Postgres, MLflow, Dagster's web UI and daemon on this machine
	$(BIN)/huracan up

down: $(STAMP)  ## stop what `make up` started
	$(BIN)/huracan down

ui-screenshots: $(STAMP)  ## pictures of every asset's page, under .huracan/screenshots/
	$(BIN)/python -m huracan_assets_tests.ui.screenshots

clean:  ## remove .venv and the tools' caches; .huracan (the data) stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find huracan_assets huracan_assets_tests -type d -name __pycache__ -prune -exec rm -rf {} +
