# DAFEC. `make run` and `make test` need make and Python 3.11 or later; each creates .venv and installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test lint format bench train samples bundle clean

HOST ?= 127.0.0.1
PORT ?= 8000
DATA ?= data
PYTEST_ARGS ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 16

run: $(VENV)/.installed ## screen the sample documents, then serve http://127.0.0.1:8000 (PORT=, HOST=, DATA=)
	@# 1 says that a document was referred: some samples are forged.
	$(BIN)/dafec screen sample_docs/*/ sample_docs/*.jpg || [ $$? -eq 1 ]
	$(BIN)/dafec serve --host $(HOST) --port $(PORT) --data $(DATA)

test: $(VENV)/.installed-test ## install what the tests need and run them all (WORKERS=), or some in one process (PYTEST_ARGS=)
	@scripts/install-system-packages.sh
	@# The tests start hundreds of processes, each of which would compile the source where no bytecode may be written.
	@$(BIN)/python -m compileall -q -j 0 api dafec tests
	$(BIN)/python -m pytest $(or $(strip $(PYTEST_ARGS)),--numprocesses $(WORKERS) --dist worksteal --durations 30)

lint: $(VENV)/.installed-test ## ruff, mypy --strict, directions of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-test ## bring the source into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-bench ## print the tables of benchmarks/
	$(BIN)/python -m benchmarks.decode
	$(BIN)/python -m benchmarks.screening
	$(BIN)/python -m benchmarks.mrz
	$(BIN)/python -m benchmarks.mrz_text
	$(BIN)/python -m benchmarks.mrz_stress
	$(BIN)/python -m benchmarks.mrz_synthetic --lines 5000
	$(BIN)/python -m benchmarks.second_reader

train: $(VENV)/.installed-train ## train the models anew (hours), put them into the manifest, print the calibration
	$(BIN)/python -m dafec.models.training.locator --out runs/locator
	$(BIN)/python -m dafec.models.training.reader --out runs/reader
	$(BIN)/python -m dafec.models.training.publish --command "make train" --seed 2 --seed 1 \
		--locator runs/locator/average.pt --reader runs/reader/average.pt
	$(BIN)/python -m dafec.models.training.calibrate

samples: $(VENV)/.installed-train ## draw sample_docs/ anew
	$(BIN)/python sample_docs/make.py

BUNDLE ?= build/dafec-bundle
EXTRAS ?= centre
bundle: $(VENV)/.installed ## a folder that installs DAFEC on a computer without network (BUNDLE=, EXTRAS=)
	PYTHON=$(CURDIR)/$(BIN)/python packaging/make_bundle.sh $(BUNDLE) $(EXTRAS)

clean: ## remove the environment and everything that can be made again
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "DAFEC needs Python 3.11 or later; none was found." >&2; exit 1; fi
	@# Debian and Ubuntu ship Python without what a new environment needs.
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make an environment: ensurepip is missing." >&2; \
		echo "On Debian or Ubuntu: apt-get install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)

# The scripts of others that the examiner's pages load; the desk works without them, so only CI insists.
THIRD_PARTY = $(BIN)/python scripts/fetch_third_party.py || [ -z "$$CI" ]

$(VENV)/.installed: pyproject.toml api/viewer/third_party.toml | $(VENV)/bin/python
	$(PIP) --editable .
	$(THIRD_PARTY)
	@touch $@

$(VENV)/.installed-%: pyproject.toml api/viewer/third_party.toml | $(VENV)/bin/python
	$(PIP) --editable ".[$*]"
	$(THIRD_PARTY)
	@touch $@ $(VENV)/.installed
