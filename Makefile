# The menu. `make` alone shows it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# uv is brought when the machine has none: into .tools, from PyPI, and used from there only.
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
BIN := .venv/bin

.PHONY: help setup check test demo bench docs lock format clean

help: ## Show this menu
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

.tools/bin/uv:
	@echo "uv is not on this machine: installing uv $(UV_VERSION) into .tools"
	@python3 -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

setup: $(if $(findstring .tools,$(UV)),.tools/bin/uv) ## Install everything into .venv
	@$(UV) sync --quiet

check: setup ## Lint, types, architecture, generated documents: under a minute
	@$(BIN)/ruff format --check --quiet . || (echo "run 'make format'" && exit 1)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache | tail -n 3
	@$(BIN)/python -m scripts.pins
	@$(BIN)/python -m scripts.documents
	@$(BIN)/pyright

test: setup ## All tests
	@$(BIN)/pytest -q --numprocesses auto --maxprocesses 4 --dist loadfile

demo: setup ## The whole product with real sample data; ARGS="--scale large --port 9000"
	@exec $(BIN)/smeboost demo $(ARGS)

bench: setup ## Benchmarks; each prints a table with ratios against a baseline of the same run
	@for script in bench/bench_*.py; do echo; $(BIN)/python "$$script"; done

docs: setup ## Write the generated parts of the documents and the tool snapshots anew
	@$(BIN)/pytest -q -m snapshot --update-snapshots
	@$(BIN)/python -m scripts.documents --write

lock: setup ## Resolve anew and write every version into pyproject.toml
	@$(BIN)/python -m scripts.pins --upgrade $(UV)
	@$(UV) sync --quiet

format: setup ## Format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

clean: ## Remove what setup and the tools made (not your demo data)
	@rm -rf .venv .tools uv.lock .pytest_cache .ruff_cache .import_linter_cache .hypothesis
