# `make` lists the targets. Each makes the environment that it needs, in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
DEPS := $(VENV)/.deps
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
NATIVE := $(wildcard src/feedtwin/kernels/*.c src/feedtwin/kernels/*.h) src/feedtwin/kernels/build.py
STUDY ?= first-look
WORKERS ?= 2

# Where byte code is forbidden (many containers do), every process would compile all that it imports, again and again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check fix test-all bench docs tours lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(STAMP)  ## compare two rankers on real people and videos: effects with intervals, and a report (STUDY=name for others)
	$(BIN)/feedtwin study $(STUDY)

test: check  ## everything that must hold at every commit
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

check: $(STAMP)  ## format, lint, types, imports, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/reference.py --check

fix: $(STAMP)  ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-all: check  ## the tests of `make test` and the slow ones
	$(BIN)/python -m pytest -n $(WORKERS)

bench: $(STAMP)  ## measure speed and memory, and add the result to the history
	$(BIN)/python benchmarks/step.py

docs: $(STAMP)  ## generate the reference pages
	$(BIN)/python scripts/reference.py

tours: $(STAMP)  ## execute the notebooks of docs/tours and store what they show
	$(BIN)/python scripts/tours.py

lock:  ## resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --upgrade --output-file requirements.lock

clean:  ## remove the environment and what was built
	rm -rf $(VENV) build dist src/*.egg-info src/feedtwin/kernels/_cpu_*

# --no-compile: Python compiles what it imports, which is far less than what is installed.
$(DEPS): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "feedtwin needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 1; }
	@echo "Preparing $(VENV) (about a minute, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-compile --require-hashes -r requirements.lock
	@touch $@

$(STAMP): $(DEPS) pyproject.toml setup.py $(NATIVE)
	@echo "Installing feedtwin into $(VENV), with its kernels where a C compiler is found"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
