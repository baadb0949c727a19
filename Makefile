.DEFAULT_GOAL := help
.PHONY: help install run page gallery screenshots test test-full load bundle check check-page check-terraform bench bench-quick bench-line bench-judge bench-adaptive bench-emulators both-ways contract-judge0 faults audit fuzz format lock clean

PYTHON ?= python3
BIN := .venv/bin

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: .venv/installed ## Create .venv and install what the project needs

.venv/installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else "run-code needs Python 3.11 to 3.13; this is %d.%d. Set PYTHON=python3.12, for example." % v[:2])'
	@echo "installing into .venv (once; this takes a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --progress-bar on --disable-pip-version-check -r requirements.txt
	@$(BIN)/pip install --quiet --progress-bar on --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: .venv/installed page ## Start the whole service and the exam page on 127.0.0.1, with sample questions (Ctrl-C ends it)
	@$(BIN)/python -m infra.local.stack

# Node 20.19 is what the page's tools ask for; without it everything else works.
NODE_IS_THERE = node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
FRONTEND := $(shell find frontend/src frontend/staff frontend/*.html frontend/*.ts frontend/package.json -type f 2>/dev/null)

page: ## Build the exam page into frontend/dist
	@if $(NODE_IS_THERE); then $(MAKE) --no-print-directory frontend/dist/index.html; \
	else echo "the exam page is not built, for it needs Node 20.19 or newer"; fi

frontend/node_modules/installed: frontend/package-lock.json
	@echo "installing the page's tools (once; this takes a minute)"
	@npm --prefix frontend ci --no-fund --no-audit --loglevel=error
	@touch $@

frontend/dist/index.html: frontend/node_modules/installed $(FRONTEND)
	@npm --prefix frontend run --silent build -- --logLevel warn

gallery: frontend/node_modules/installed ## Show every component in every state, on http://127.0.0.1:6006
	@npm --prefix frontend run --silent gallery

frontend/dist-gallery/index.json: frontend/node_modules/installed $(FRONTEND) $(wildcard frontend/gallery/* frontend/.storybook/*)
	@npm --prefix frontend run --silent build:gallery

screenshots: .venv/installed page ## Take the README's pictures of the page again
	@SCREENSHOTS=1 $(BIN)/python -m pytest tests/browser

# Whole stacks first: one of them beside the small tests at the end would leave the cores idle.
SUITES := $(addprefix tests/, browser stack contract runner emulator fuzz sandbox terraform unit)

# Each test's Firestore emulator ends before Java's second compiler pays off: a fifth of the contract suite's time.
SHORT_LIVED := JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

test: .venv/installed .venv-load/installed page ## Run every test suite, on its own stack and free ports
	@if $(NODE_IS_THERE); then npm --prefix frontend test --silent && $(MAKE) --no-print-directory frontend/dist-gallery/index.json; fi
	@$(SHORT_LIVED) $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(SUITES)
	@$(SHORT_LIVED) $(BIN)/python -m pytest -n 2 tests/faults  # apart: their leases of a few seconds leave a busy machine little room

test-full: .venv/installed .venv-load/installed page ## What `make test` plays in a short form, in full (40 minutes)
	@FULL=1 $(MAKE) --no-print-directory test bundle

load: .venv/installed .venv-load/installed ## 300 students sit an exam, by Locust, on a stack of its own (5 minutes; LOAD_URL: there)
	@$(BIN)/python -m tests.benchmarks.load

.venv-load/installed: requirements-load.txt
	@$(PYTHON) -m venv .venv-load
	@.venv-load/bin/pip install --quiet --disable-pip-version-check -r requirements-load.txt
	@touch $@

bundle: .venv/installed ## What is deployed, installed and served by itself in each Python there is (2 minutes)
	@$(BIN)/python -m tests.bundle

bench: .venv/installed ## Measure everything against its limit or its peers; writes docs/benchmarks.md (18 minutes; NAME alone: python -m tests.benchmarks.NAME)
	@$(BIN)/python -m tests.benchmarks

bench-quick: .venv/installed ## Hold the counts of documents, tasks and calls to their bounds; no times (1 minute)
	@$(BIN)/python -m pytest -q tests/contract/test_costs.py tests/unit/test_document_counts.py tests/contract/test_standing.py

bench-line: .venv/installed ## Measure how well the line is served: busy slots, waits, estimates (5 minutes)
	@$(BIN)/python -m tests.benchmarks.line

bench-judge: .venv/installed ## Measure compiling once and the calls to the judge (2 minutes; JUDGE0_URL: there)
	@$(BIN)/python -m tests.benchmarks.judge

bench-adaptive: .venv/installed ## Measure how `auto` finds what a judge bears; writes docs/images/adaptive.svg (6 minutes)
	@$(BIN)/python -m tests.benchmarks.adaptive

bench-emulators: .venv/installed ## Measure how true the stand-ins are, and what they cost (3 minutes)
	@$(BIN)/python -m tests.benchmarks.emulators

contract-judge0: .venv/installed ## Hold a real Judge0 (JUDGE0_URL) to what is tested of the local one
	@if [ -z "$$JUDGE0_URL" ]; then echo "contract-judge0: not run, for JUDGE0_URL is not set"; else \
	  $(BIN)/python -m pytest tests/contract/test_judge.py tests/runner/test_official_sdk.py tests/runner/test_both_ways.py; fi

both-ways: .venv/installed ## Judge every sample submission compiled once and with each test (5 minutes)
	@FULL=1 $(BIN)/python -m pytest tests/runner/test_both_ways.py

faults: .venv/installed ## Break things on purpose, in full (10 minutes; `make test` plays a short form)
	@FULL=1 $(BIN)/python -m pytest -m "long or not long" -s tests/faults

check: .venv/installed check-terraform check-page ## Lint, types, import rules, Terraform, the page
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check-page:
	@if $(NODE_IS_THERE); then $(MAKE) --no-print-directory frontend/node_modules/installed && npm --prefix frontend run --silent check; \
	else echo "the page: not checked, for it needs Node 20.19 or newer"; fi

# Validation needs the provider's schema: from the registry, or from the command in TERRAFORM_CHECK.
check-terraform:
	@if [ -n "$$TERRAFORM_CHECK" ]; then \
	  $$TERRAFORM_CHECK --test -var project=example -var alert_email=staff@example.org -var vm_size=small \
	    -var 'auth={jwks_url="https://keys.example.org"}' -var "repository=$$PWD" terraform; \
	elif ! command -v terraform >/dev/null; then echo "terraform: not checked, for terraform is not installed"; \
	else terraform -chdir=terraform fmt -check -recursive && \
	  if terraform -chdir=terraform init -backend=false -input=false >/dev/null 2>&1; then \
	    terraform -chdir=terraform validate && terraform -chdir=terraform test; \
	  else echo "terraform: only its format was checked, for the registry does not answer"; fi; fi

audit: .venv-audit/installed .venv-checkov/installed ## Look for weaknesses in the code and in what it depends on; writes dist/sbom.json
	@.venv-audit/bin/bandit --quiet --configfile pyproject.toml --recursive main.py functions infra
	@.venv-audit/bin/python .ci/audit_dependencies.py
	@.venv-checkov/bin/checkov --directory terraform --framework terraform --skip-download --quiet --compact
	@mkdir -p dist
	@PYTHONWARNINGS=ignore .venv-audit/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.json

.venv-audit/installed: requirements-audit.txt
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip install --quiet --disable-pip-version-check -r requirements-audit.txt
	@touch $@

# --no-compile: most of it is never imported
.venv-checkov/installed: requirements-checkov.txt
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/pip install --quiet --no-compile --disable-pip-version-check -r requirements-checkov.txt
	@touch $@

fuzz: .venv/installed ## Send 10,000 requests made from the API's own document, and everything hostile (10 minutes)
	@FUZZ_REQUESTS=$${FUZZ_REQUESTS:-10000} $(BIN)/python -m pytest -s tests/fuzz

format: .venv/installed ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## Pin the whole dependency trees again (needs uv)
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate --generate-hashes requirements.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate -c requirements.txt requirements-dev.in -o requirements-dev.txt
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate requirements-audit.in -o requirements-audit.txt
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate requirements-checkov.in -o requirements-checkov.txt
	uv pip compile --universal --python-version 3.11 --no-header --no-annotate requirements-load.in -o requirements-load.txt

clean: ## Remove the environment and the local state
	rm -rf .venv .venv-audit .venv-checkov .venv-load .local dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf frontend/node_modules frontend/dist frontend/dist-gallery frontend/package
