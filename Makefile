# `make` lists what can be done. Written for GNU make 3.81 and later.

BIN := .venv/bin
SYSTEM_PYTHON := $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell command -v $(name) 2>/dev/null)))
SOURCES := $(wildcard gateway services shared simulator deploy demo docs audit chaos benchmarks tests)

# $(call phase,NAME,COMMAND) runs a command and tells how long it took.
phase = @began=$$(date +%s); echo "== $(1)"; $(2) && echo "== $(1) took $$(( $$(date +%s) - began )) s"

.PHONY: help run up up-local down backup reset audit chaos chaos-full bench bench-quick journey test lint format docs lock installed installed-dev
.DEFAULT_GOAL := help

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: installed ## Open a living shop in one process; needs nothing but Python
	@$(BIN)/python -m deploy.local.run

up: installed ## Run the whole platform in Docker, a container for each part
	@$(BIN)/python -m deploy.compose.up

up-local: installed ## Run the whole platform with RabbitMQ and a process for each part, without Docker
	@$(BIN)/python -m deploy.local.up

down: installed ## Stop whatever of the platform runs on this machine
	@$(BIN)/python -m deploy.local.down
	@$(BIN)/python -m deploy.compose.down

backup: installed ## Back this machine's shop up; every change from then on is archived
	@$(BIN)/python -m deploy.local.backup

reset: installed ## Delete the data of this machine's shop and start over
	@$(BIN)/python -m deploy.compose.down --volumes
	@$(BIN)/python -m deploy.local.reset

audit: installed ## Look for broken invariants in all databases; changes nothing
	@$(BIN)/python -m audit $(ARGS)

chaos: installed ## Kill and cut a shop of its own while 1,000 orders come in; MODE=embedded, SEED=…, SIZE=deploy
	@$(BIN)/python -m chaos --size $(or $(SIZE),small) --mode $(or $(MODE),full) $(if $(SEED),--seed $(SEED))

chaos-full: installed ## The same with 20,000 orders and 30 kills of each process
	@$(BIN)/python -m chaos --size full --mode $(or $(MODE),full) $(if $(SEED),--seed $(SEED))

bench: installed-dev ## Measure a shop of its own beside bare references; MODE=embedded, ARGS="--only list"
	@$(BIN)/python -m benchmarks --mode $(or $(MODE),full) $(ARGS)

bench-quick: installed-dev ## The same in under 3 minutes, with fewer and shorter rounds
	@$(BIN)/python -m benchmarks --quick --mode $(or $(MODE),full) $(ARGS)

journey: installed ## Walk through a shopper's whole journey and show every step
	@$(BIN)/python -m demo.journey

# Files start in the order of their folders, for it begins with the longest (benchmarks, chaos) and ends with the shortest
# (unit); xdist's own order, by number of tests, starts chaos last, and one core is idle meanwhile.
test: lint ## Check everything: lint, then every test
	$(call phase,tests,$(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder --ignore=tests/architecture)

lint: installed-dev ## Check style, types and architecture
	$(call phase,ruff,$(BIN)/ruff check . && $(BIN)/ruff format --check .)
	$(call phase,mypy,$(BIN)/mypy --strict $(SOURCES))
	$(call phase,imports,$(BIN)/lint-imports)
	$(call phase,architecture,$(BIN)/pytest tests/architecture)

format: installed-dev ## Rewrite the code in the project's style
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

docs: installed-dev ## Write the generated documents again
	@$(BIN)/python -m docs.generate

lock: installed ## Pin the packages that pyproject.toml asks for; newest versions with UPGRADE=1
	@command -v uv >/dev/null 2>&1 || { echo "make lock needs uv. Run: pipx install uv (or: pip install --user uv)"; exit 1; }
	@$(BIN)/python -m deploy.local.lock $(if $(UPGRADE),--upgrade)

installed: ## Make .venv and install what the platform runs on; done by the others when needed
	@test -n "$(SYSTEM_PYTHON)" || { echo "Jishi needs Python 3.11 or newer, and no python3 is found. Install it first."; exit 1; }
	@"$(SYSTEM_PYTHON)" deploy/local/setup.py

installed-dev: ## Install also what tests and checks use; done by the others when needed
	@test -n "$(SYSTEM_PYTHON)" || { echo "Jishi needs Python 3.11 or newer, and no python3 is found. Install it first."; exit 1; }
	@"$(SYSTEM_PYTHON)" deploy/local/setup.py --dev
