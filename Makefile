# The only entry: what CI runs, a laptop runs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY) ## set up .venv with everything (the others do it themselves)

$(READY): pyproject.toml sdk/python/pyproject.toml training/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Hotseat needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@echo "setting up .venv (once; about two minutes) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/pip install --quiet -c training/constraints.txt \
	  -e ./sdk/python -e '.[train]' --group dev
	@touch $@

demo: $(READY) ## one model's whole life: train, publish, serve, ask, roll back
	@$(BIN)/python tests/e2e/journey.py

test: $(READY) ## all tests
	@$(BIN)/pytest

unit: $(READY) ## the fast tests alone
	@$(BIN)/pytest tests/unit

lint: $(READY) ## format, rules, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(READY) ## format, and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

spec: $(READY) ## write sdk/spec/openapi.json anew from the application
	@$(BIN)/python -m hotseat_serve.openapi > sdk/spec/openapi.json

wheels: $(READY) ## build both wheels into dist/
	@rm -rf dist
	@$(BIN)/python -m build --wheel --outdir dist ./sdk/python
	@$(BIN)/python -m build --wheel --outdir dist .

bench: $(READY) ## what serving costs, as ratios to the bare runtime
	@$(BIN)/python benchmarks/serving.py

bench-cold: $(READY) ## process start to first answer, under AWS's runtime client
	@$(BIN)/python benchmarks/coldstart.py

bench-registry: $(READY) ## the registry's figures (2 GB blob; SIZE=MB for another)
	@$(BIN)/python benchmarks/registry.py --size $(or $(SIZE),2048)

ci: lint test demo ## what CI runs

clean: ## remove .venv and everything made
	rm -rf .venv .hotseat dist

.PHONY: help venv demo test unit lint fix spec wheels bench bench-cold bench-registry ci clean
