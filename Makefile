PYTHON ?= python3
PORT ?= 8000
MINUTES ?= 13
VENV := .venv/bin
AXE := tests/browser/node/node_modules
NODE := tests/clients/node/node_modules
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes
EDITABLE := -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
# Two runs of make at once would break an environment.
ALONE = $(PYTHON) requirements/alone.py $@ $^ --

.PHONY: help run demo test clients quick chaos fault mutants proof bench setup lint fix types check lock clean openapi screenshots script

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## set up, then run the whole pipeline on this machine (PORT=8000)
	@exec $(VENV)/millrace up --port $(PORT)

demo: setup ## stream real traffic through it, live (starts it if it isn't running)
	@exec $(VENV)/millrace demo --port $(PORT)

test: .venv/dev-ready .venv-emulator/ready $(AXE)/ready $(NODE)/ready ## set up, then run every test
	@$(VENV)/python -m pytest -n auto --dist loadgroup

quick: lint types ## style, types, unit and flow tests: less than a minute
	@$(VENV)/python -m pytest tests/unit tests/flows -n auto --dist loadgroup

chaos: .venv/dev-ready .venv-emulator/ready ## every fault scenario, many more examples, the tests of the tests
	@$(VENV)/python -m pytest tests/unit tests/flows tests/faults tests/deployment tests/contract tests/handlers/test_openapi.py tests/handlers/test_page_of_costs.py -n auto --dist loadgroup --thorough

fault: .venv/dev-ready .venv-emulator/ready ## one fault scenario again: make fault ID=process/4:lost
	@$(VENV)/python -m pytest tests/faults -k one_fault --fault $(ID) -s

mutants: .venv/dev-ready .venv-emulator/ready ## which small changes of the product no test notices (MUTANTS=--all, or "--only TEXT")
	@PYTHONPATH=tests $(VENV)/python -m mutants $(MUTANTS)

proof: .venv/dev-ready ## check the model of the protocol: every pair of features, every broken rule
	@$(VENV)/python -m proof

bench: .venv-bench/ready .venv-emulator/ready ## measure side by side, and write docs/benchmarks.md (QUICK=1 prints few rounds, LARGEST=1 takes the largest sizes)
	@.venv-bench/bin/python -m bench $(if $(QUICK),--quick) $(if $(LARGEST),--largest)

setup: .venv/run-ready .venv-emulator/ready ## the two environments, from locked requirements

check: lint types ## everything static
	@$(VENV)/lint-imports
	@$(VENV)/cfn-lint stack.yaml
	@$(VENV)/millrace policies --check

lint: .venv/dev-ready ## style and spelling
	@$(VENV)/ruff check
	@$(VENV)/ruff format --check
	@$(VENV)/codespell app.py chalicelib millrace tests docs bench proof analytics examples *.md *.yaml

types: .venv/dev-ready ## types
	@$(VENV)/mypy

clients: .venv/dev-ready .venv-emulator/ready ## run every client library in every listed version, and write the matrix of docs/clients.md (CLIENTS="--only posthog")
	@PYTHONPATH=tests $(VENV)/python -m clients.matrix $(CLIENTS)

screenshots: .venv/dev-ready .venv-emulator/ready ## make docs/images anew, from the sample log (MINUTES=13)
	@PYTHONPATH=tests $(VENV)/python tests/browser/screenshots.py $(MINUTES)

openapi: .venv/dev-ready ## write what is made from the code: the description of the API, and docs/commands.md
	@$(VENV)/python -m millrace.api_docs.openapi
	@PYTHONPATH=tests $(VENV)/python -m reference

script: $(AXE)/ready ## write chalicelib/http/static/m.js from script/m.js
	@$(AXE)/.bin/terser script/m.js --compress --mangle --ecma 2020 -o chalicelib/http/static/m.js

fix: .venv/dev-ready ## what style can be fixed by itself
	@$(VENV)/ruff check --fix
	@$(VENV)/ruff format

lock: ## lock the newest versions, with hashes
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade requirements.in -o requirements.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -c requirements.txt requirements/run.in -o requirements/run.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -c requirements/run.txt requirements/bench.in -o requirements/bench.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade requirements/emulator.in -o requirements/emulator.txt
	@npm install --prefix tests/browser/node --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund --silent
	@npm install --prefix tests/clients/node --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund --silent

clean: ## forget environments and local state
	@rm -rf .venv .venv-emulator .venv-bench .millrace vendor $(AXE) $(NODE)

.venv/run-ready: requirements/run.txt pyproject.toml
	@$(ALONE) "Setting up .venv: 40 packages, about a minute, once ..." sh -ec '$(PYTHON) -m venv .venv; \
	$(VENV)/python $(INSTALL) -r requirements/run.txt; $(VENV)/python $(EDITABLE)'

.venv/dev-ready: .venv/run-ready requirements/dev.txt
	@$(ALONE) "Setting up what tests need: 110 packages, about two minutes, once ..." \
	$(VENV)/python $(INSTALL) -r requirements/dev.txt

.venv-bench/ready: requirements/bench.txt pyproject.toml
	@$(ALONE) "Setting up .venv-bench: about two minutes, once ..." sh -ec '$(PYTHON) -m venv .venv-bench; \
	.venv-bench/bin/python $(INSTALL) -r requirements/bench.txt; .venv-bench/bin/python $(EDITABLE)'

.venv-emulator/ready: requirements/emulator.txt
	@$(ALONE) "Setting up .venv-emulator: 25 packages, about a minute, once ..." sh -ec '$(PYTHON) -m venv .venv-emulator; \
	.venv-emulator/bin/python $(INSTALL) -r requirements/emulator.txt'

# Without Node.js the tests for barriers say that they are skipped.
$(AXE)/ready: tests/browser/node/package-lock.json
	@if command -v npm >/dev/null; then $(ALONE) "Setting up what checks the page for barriers ..." \
	npm ci --prefix tests/browser/node --ignore-scripts --no-audit --no-fund --silent; fi

# Without Node.js the tests of its client libraries say that they are skipped.
$(NODE)/ready: tests/clients/node/package-lock.json
	@if command -v npm >/dev/null; then $(ALONE) "Setting up the client libraries of Node.js ..." \
	npm ci --prefix tests/clients/node --ignore-scripts --no-audit --no-fund --silent; fi
