# What each target needs, it sets up itself: Python 3.11 with venv, make and a package index are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints/develop.txt
READY := $(VENV)/.ready

.PHONY: help demo test lint types unit benchmark soak constraints clean

help:
	@echo "make demo         the main job on the emulator, with a real Airflow; no account needed"
	@echo "make test         lint, types, tests"
	@echo "make benchmark    the figures that the documents quote"
	@echo "make soak         200 inventories under random faults and kills, with a real Airflow"
	@echo "make constraints  resolve the pinned versions again"
	@echo "make clean        remove what the other targets made"

# uv resolves and links in seconds what takes pip a minute; it comes from the package index like all else.
$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; type: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --editable '.[dev,table]'
	@touch $@

demo: $(READY)
	@$(BIN)/python -m tests.airflow.demo

test: lint types unit

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/python -m pytest

benchmark: $(READY)
	$(BIN)/python -m benchmarks.million_objects

soak: $(READY)
	$(BIN)/python -m benchmarks.soak

constraints:
	test -x $(BIN)/uv || $(MAKE) $(READY)
	$(BIN)/uv pip compile --quiet --python-version 3.11 --all-extras --no-header --no-annotate \
		--output-file $(CONSTRAINTS) pyproject.toml constraints/develop.in

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
