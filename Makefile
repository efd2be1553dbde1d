# What each target needs, it sets up itself: Python 3.11 with venv, make and a package index are enough; make system
# also needs Debian (or its kin), and root or sudo if packages are missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints/develop.txt
READY := $(VENV)/.ready

.PHONY: help demo test lint types unit system benchmark benchmark-table benchmark-waits soak constraints clean

help:
	@echo "make demo             the main job on the emulator, with a real Airflow; no account needed"
	@echo "make test             lint, types, and all tests but those of make system"
	@echo "make system           tests/system: Airflow with two Celery workers, Redis and PostgreSQL"
	@echo "make benchmark        a report of a million objects, start to end"
	@echo "make benchmark-table  5,000,000 rows to Parquet and SQL, beside other engines"
	@echo "make benchmark-waits  10,000 waits in one process, beside the SDK in threads; 2,000 sensors in a real triggerer"
	@echo "make soak             200 inventories under random faults and kills, with a real Airflow"
	@echo "make constraints      resolve the pinned versions again"
	@echo "make clean            remove what the other targets made"

# uv resolves and links in seconds what takes pip a minute; it comes from the package index like all else.
$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; type: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --editable '.[cam,dev,table]'
	@touch $@

# The same with one more extra, such as $(READY)-system.
$(READY)-%: $(READY)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(CONSTRAINTS) --editable '.[cam,dev,table,$*]'
	@touch $@

demo: $(READY)
	@$(BIN)/python -m tests.airflow.demo

test: lint types unit

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

# tests/system needs servers: make system.
unit: $(READY)
	$(BIN)/python -m pytest --ignore=tests/system

system: $(READY)-system
	sh tests/system/install.sh
	$(BIN)/python -m pytest tests/system

benchmark: $(READY)
	$(BIN)/python -m benchmarks.million_objects

benchmark-table: $(READY)-benchmark
	$(BIN)/python -m benchmarks.table

benchmark-waits: $(READY)
	$(BIN)/python -m benchmarks.waits

soak: $(READY)
	$(BIN)/python -m benchmarks.soak

constraints:
	test -x $(BIN)/uv || $(MAKE) $(READY)
	$(BIN)/uv pip compile --quiet --python-version 3.11 --all-extras --no-header --no-annotate \
		--output-file $(CONSTRAINTS) pyproject.toml constraints/develop.in

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
