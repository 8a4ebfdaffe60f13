.DEFAULT_GOAL := help
.PHONY: help setup demo check test format dashboards faults bench ledger lock clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sizewise needs Python 3.11 or newer; say which: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q gateway
	@touch $@

setup: $(READY) ## Create .venv with everything in it, pinned by hash

demo: setup ## Serve the demo: scripted models, no key, no network
	$(BIN)/sizewise serve --demo

check: setup ## Format, lint, types, import rules and unit tests; no network, no service
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit -q -n auto

test: setup ## All tests; those that need a service that is not here are skipped with the reason
	$(BIN)/pytest -q -n auto

format: setup ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

dashboards: setup ## Write deploy/dashboards anew
	$(BIN)/python -m deploy.dashboards.build

faults: setup ## Run the fault tests and write docs/FAULTS.md
	$(BIN)/pytest tests/faults -q -n auto; $(BIN)/python -m tests.faults.report

bench: setup ## Measure the gateway beside the peers that are installed
	$(BIN)/sizewise bench

ledger: setup ## Measure the ledger at ten million records, on SQLite and on PostgreSQL; 30 GB of disk, an hour
	$(BIN)/python -m tests.bench.ledger --records 10_000_000

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --extra postgres --extra redis --extra vertex --output-file requirements.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --extra postgres --extra redis --extra vertex --group dev --constraint requirements.lock --output-file requirements-dev.lock

clean: ## Remove what the other targets made
	rm -rf $(VENV) .sizewise .mypy_cache .ruff_cache .pytest_cache .hypothesis
