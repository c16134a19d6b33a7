# Registry Portal. `make help` lists the commands.
PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(PYTHON) -m stack.install
PYTEST_ARGS ?=

.PHONY: help run test demo install lint bench screenshots chaos lock

help:
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 20

run: ## install, migrate and start everything in the foreground (PORT, HOST, PORTAL_DATA_DIR, PORTAL_SAMPLE)
	@$(INSTALL) run && exec $(BIN)/python -m stack run

demo: ## the main job end to end on a private stack, then stop it
	@$(INSTALL) run && exec $(BIN)/python -m stack demo

install: ## .venv with the locked dependencies, and missing system packages
	@$(INSTALL) run

test: ## install what the tests need, and run the whole suite
	@$(INSTALL) test && exec $(BIN)/python -m pytest $(PYTEST_ARGS)
