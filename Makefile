# Everything a person or a CI runs. `make` alone lists it.
PYTHON ?= python3
VENV   ?= .venv
STATE  ?=
state   = $(if $(STATE),--state $(STATE))

.DEFAULT_GOAL := help
.PHONY: help setup quickstart up down test conformance lint bench docs lock clean-cloud clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## System packages (as root) and the virtual environment .venv
	@setup/system setup/run.debian
	@setup/environment $(VENV) $(PYTHON)

quickstart: setup ## From nothing to a virtual machine that you log in to; STATE=DIR for another state directory
	@$(VENV)/bin/pileus quickstart $(state)

up: setup ## Start the cloud in the background
	@$(VENV)/bin/pileus up --detach $(state)

down: ## Stop the cloud; machines go on running
	@$(VENV)/bin/pileus down $(state)

clean-cloud: ## Stop the cloud and delete every machine, network and file of it
	@$(VENV)/bin/pileus down --purge $(state)

test: setup ## All tests that this machine can run; as root also installs what they need
	@setup/system setup/test.debian
	@setup/clients-of-old build/clients-of-old $(PYTHON)
	@setup/node build/node $(PYTHON)
	$(VENV)/bin/pytest

conformance: setup ## Tempest's tests of identity and objects and Swift's own, against simulated clouds
	$(VENV)/bin/python tests/conformance/identity_tempest.py
	$(VENV)/bin/python tests/conformance/object_suites.py

lint: setup ## ruff, mypy, import-linter, deptry
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/deptry src

bench: setup ## Measurements, as ratios to a hello app on the same server in the same run
	@for bench in tests/bench/*.py; do echo "== $$bench"; $(VENV)/bin/python $$bench || exit 1; done

docs: setup ## The generated pages of docs/reference
	$(VENV)/bin/python -m pileus.cli.reference docs/reference/cli.md
	$(VENV)/bin/python tests/compatibility.py
	$(VENV)/bin/python tests/reference.py

lock: ## requirements.lock anew, from pyproject.toml
	$(PYTHON) -m venv --clear build/lock && build/lock/bin/pip install -q pip-tools
	build/lock/bin/pip-compile -q --upgrade --extra postgresql --extra saml --extra client --extra test --extra lint \
	  --strip-extras --no-annotate --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --allow-unsafe -o build/requirements.lock pyproject.toml
	{ head -n 1 requirements.lock; grep '==' build/requirements.lock; } > build/lock.new && mv build/lock.new requirements.lock

clean: ## Caches and the virtual environment; no cloud is touched
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
