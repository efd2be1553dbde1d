# What each target needs, it sets up itself: Python 3.11 with venv, make and a package index are enough; make system
# also needs Debian (or its kin), and root or sudo if packages are missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints/develop.txt
READY := $(VENV)/.ready
# An Airflow that draws the connection form in another way.
OLD := .venv-3.1
BROWSER_TESTS := -m pytest tests/system/test_web_interface.py
# What its old libraries are warned of is theirs.
OLD_BROWSER_TESTS := $(BROWSER_TESTS) -o filterwarnings=default

# A third of the tests' time is waiting for answers: three at a time on two cores.
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n 3 --dist loadfile
SLOWEST := --durations=20 --durations-min=1
UNIT := --ignore=tests/airflow --ignore=tests/system
# In the order of their names, which begins with the longest file; else it would come last and alone.
AIRFLOW_TESTS := $(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder $(SLOWEST) tests/airflow

# Each program of a running Airflow would compile all that it imports once more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint types unit integration airflow slow thorough cell docs snippets system screenshots benchmark benchmark-table benchmark-waits soak matrix constraints clean

help:
	@echo "make demo             the main job on the emulator, with a real Airflow; no account needed"
	@echo "make test             lint, types, and all tests that need neither a running Airflow nor other servers"
	@echo "make integration      a real Airflow, the examples, the site, the wheel, and a million objects"
	@echo "make thorough         the properties of the tests, each with many examples of Hypothesis"
	@echo "make cell             the tests of make test with the oldest versions, in random order"
	@echo "make docs             the documentation as a site, in site/; every warning is an error"
	@echo "make snippets         docs/snippets and dags_examples into the pages that show them"
	@echo "make system           Airflow on PostgreSQL, with Celery and Redis, and its web interface in a browser"
	@echo "make screenshots      docs/images: pictures of the web interface"
	@echo "make benchmark        a report of a million objects, start to end"
	@echo "make benchmark-table  5,000,000 rows to Parquet and SQL, beside other engines"
	@echo "make benchmark-waits  10,000 waits in one process, beside the SDK in threads; 2,000 sensors in a real triggerer"
	@echo "make soak             200 inventories under random faults and kills, with a real Airflow"
	@echo "make matrix           every Airflow on every Python: unit tests and examples, as a table"
	@echo "make constraints      resolve the pinned versions again"
	@echo "make clean            remove what the other targets made"

# uv resolves and links in seconds what takes pip a minute; it comes from the package index like all else.
$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; type: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2> /dev/null \
		|| { echo "Python's venv module is needed; on Debian, type: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) uv \
		|| { echo "Packages cannot be installed; check the network and pip's index: pip config list"; exit 1; }
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

unit: $(READY)
	$(PYTEST) $(PARALLEL) $(SLOWEST) -m "not integration" $(UNIT)

integration: docs airflow slow thorough

# By itself: each of the two processes has a running Airflow, which is five programs.
airflow: $(READY)
	$(AIRFLOW_TESTS)

slow: $(READY)
	$(PYTEST) $(PARALLEL) $(SLOWEST) -m integration $(UNIT)

thorough: $(READY)
	$(PYTEST) $(PARALLEL) $(SLOWEST) -m "hypothesis and not integration" --hypothesis-profile=thorough $(UNIT)

# The tests of make test once more, with the oldest versions and in random order.
cell: $(READY)
	$(BIN)/python -m tests.matrix --only lowest --python 3.11 --quick

# With --quiet it would not count warnings. The variable spares a page of notices about other tools.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

snippets: $(READY)
	$(BIN)/python -m tests.docs.snippets

system: $(READY)-system $(OLD)/.ready
	sh tests/system/install.sh
	$(PYTEST) $(SLOWEST) tests/system
	$(AIRFLOW_TESTS) -m every_database --database postgresql
	$(OLD)/bin/python $(OLD_BROWSER_TESTS)

screenshots: $(READY) $(OLD)/.ready
	sh tests/system/install.sh
	$(BIN)/python $(BROWSER_TESTS) --screenshots docs/images
	$(OLD)/bin/python $(OLD_BROWSER_TESTS) -k connection_form --screenshots docs/images

$(OLD)/.ready: $(READY) constraints/airflow-3.1.txt
	test -x $(OLD)/bin/python || $(PYTHON) -m venv $(OLD)
	$(BIN)/uv pip install --quiet --python $(OLD)/bin/python --constraint constraints/airflow-3.1.txt --editable . \
		hypothesis pillow psutil pytest pytest-timeout selenium
	@touch $@

benchmark: $(READY)
	$(BIN)/python -m benchmarks.million_objects

benchmark-table: $(READY)-benchmark
	$(BIN)/python -m benchmarks.table

benchmark-waits: $(READY)
	$(BIN)/python -m benchmarks.waits

soak: $(READY)
	$(BIN)/python -m benchmarks.soak

matrix: $(READY)
	$(BIN)/python -m tests.matrix

constraints:
	test -x $(BIN)/uv || $(MAKE) $(READY)
	$(BIN)/uv pip compile --quiet --python-version 3.11 --all-extras --no-header --no-annotate \
		--output-file $(CONSTRAINTS) pyproject.toml constraints/develop.in
	@# What the package asks for now, which the next line reads.
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m tests.matrix --resolve

clean:
	rm -rf $(VENV) $(OLD) .demo .matrix build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
