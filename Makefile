# Registry Portal. `make help` lists the commands; `make run` is the one to begin with.
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(PYTHON) -m stack.install
# Arguments for pytest: make test PYTEST_ARGS="tests/oci -x"
PYTEST_ARGS ?=
# Images of Python often set it: each process would compile 1300 modules again, three quarters of its start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo install test lint format bench screenshots compose chaos lock messages

help:
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 20

run: ## install, migrate and start everything in the foreground (PORT, HOST, PORTAL_DATA_DIR, PORTAL_SAMPLE)
	@$(INSTALL) run && exec $(BIN)/python -m stack run

demo: ## the main job end to end on a private stack, checked, then everything stopped
	@$(INSTALL) run && exec $(BIN)/python -m stack demo

install: ## .venv with the locked dependencies, and missing system packages
	@$(INSTALL) run

test: ## install what the tests need, and run the whole suite
	@$(INSTALL) test && exec $(BIN)/python -m pytest -n 4 --dist loadgroup $(PYTEST_ARGS)

lint: ## style, types, layers, dead and duplicate code, tests at their paths, wide records, migrations, translations, OpenAPI, links, licences, advisories
	@$(INSTALL) test && exec $(BIN)/python -m scripts.lint

format: ## rewrite the code in its style
	@$(INSTALL) test && $(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: ## the benchmarks, with their table of ratios
	@$(INSTALL) test && exec $(BIN)/python -m bench

screenshots: ## pictures of the pages, into screenshots/
	@$(INSTALL) test && exec $(BIN)/python -m scripts.pictures.screenshots

compose: ## try docker-compose.yml on a real Docker Engine, with base images made here
	@$(INSTALL) compose && exec $(BIN)/python -m pytest -m compose --timeout=1800 -p no:randomly tests/system/test_compose.py $(PYTEST_ARGS)

chaos: ## random faults at twenty imports, then the invariants (CHAOS_SECONDS, CHAOS_SEED, CHAOS_DATABASE=sqlite or postgres)
	@$(INSTALL) test && exec $(BIN)/python -m tests.chaos

messages: ## collect texts for the translators into locale/
	@$(INSTALL) run && exec $(BIN)/python manage.py makemessages --all --no-location --no-obsolete --ignore ".venv/*" --ignore "tests/*" --ignore "client/*"

lock: ## resolve the dependencies again into the lock files
	@$(INSTALL) test && exec $(BIN)/python -m scripts.lock
