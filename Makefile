# Everything a developer runs. Needs git, make and Python 3.11 or newer; the rest goes into .venv, once.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
RUN := $(VENV)/bin
PIP := $(RUN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2

.PHONY: help venv demo test lint format bench fuzz nightly docs clean

help:  ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Headwater needs Python 3.11 or newer; found none. Set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# What running needs, and what developing needs on top. Each stamp says that the folder is as pyproject.toml wants it.
$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	@echo "installing Headwater into $(VENV) ..."
	$(PIP) install --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.run | $(VENV)/bin/python
	@echo "installing the tools of development into $(VENV) ..."
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --group dev
	@touch $@

venv: $(VENV)/.dev  ## make or update .venv

demo: $(VENV)/.run  ## run the first example system, with events flowing
	$(RUN)/headwater demo service-management

test: $(VENV)/.dev  ## run the tests
	$(RUN)/python -m pytest -q -n $(WORKERS) $(TESTS)

lint: $(VENV)/.dev  ## style, types and the direction of imports
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports --no-cache

format: $(VENV)/.dev  ## rewrite the sources in the one style
	$(RUN)/ruff check --fix --exit-zero .
	$(RUN)/ruff format .

bench: $(VENV)/.dev  ## run the benchmarks
	$(RUN)/python -m bench

fuzz: $(VENV)/.dev  ## send a million hostile inputs to a node
	$(RUN)/python -m tools.hostile

nightly: $(VENV)/.dev fuzz  ## what takes longer than a change may: 500 crashes, a million hostile inputs
	HEADWATER_POINTS=500 HEADWATER_NIGHT=$$(date +%F) $(RUN)/python -m pytest -q -n $(WORKERS) tests/broker/test_durability.py
	HEADWATER_EXAMPLES=100 $(RUN)/python -m pytest -q tests/http/test_openapi.py

docs: $(VENV)/.run  ## render the pages that are made from the code
	$(RUN)/python -m headwater.core.settings_page > docs/settings.md
	$(RUN)/python -m headwater.sql.grammar_page > docs/sql-grammar.md
	$(RUN)/python -m headwater.plan.functions.page > docs/functions.md
	$(RUN)/python -m headwater.connect.connectors_page > docs/connectors.md

clean:  ## remove what these commands made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
