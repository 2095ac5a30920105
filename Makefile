# One command per job. `make demo` and `make test` set up .venv themselves when it is not there.
PYTHON ?= python3
SCALE ?= smoke
BIN := .venv/bin
READY := .venv/ready
# One thread per process: several threads on small matrices are many times slower, and tests run in parallel processes.
SINGLE := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help setup demo test slow check format bench docs study train-ebsd train-cbleed

help:               ## list the jobs
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile

setup:              ## make .venv and install the package with its development tools
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -c constraints.txt -e ".[dev]"
	touch $(READY)

# Written after a complete installation: one that was interrupted is taken up again.
$(READY):
	$(MAKE) setup

demo: $(READY)   ## read the nine measured nickel patterns, print a table, write a picture and a report
	$(SINGLE) $(BIN)/zoneaxis demo

test: $(READY)   ## run the tests, two processes of one thread each
	$(SINGLE) $(BIN)/pytest -n 2 -m "not slow"

slow: $(READY)   ## run the long tests
	$(SINGLE) $(BIN)/pytest -m slow

check: $(READY)  ## style, types, and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY) ## put the code into its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measure beside peers in one run; prints ratios
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(SINGLE) $(BIN)/python $$script; done

docs: $(READY)   ## build the documentation into site/
	$(BIN)/pip install -q -c constraints.txt -e ".[docs]"
	$(BIN)/mkdocs build --strict

study: $(READY)  ## run a published study: make study NAME=... SCALE=smoke|small|full
	@test -n "$(NAME)" || { echo "say which study: make study NAME=... SCALE=smoke|small|full"; exit 2; }
	$(SINGLE) $(BIN)/zoneaxis study $(NAME) --scale $(SCALE)

train-ebsd: $(READY) ## train the shipped space-group model anew (about an hour on two cores)
	$(SINGLE) $(BIN)/zoneaxis train recipes/ebsd_space_groups.toml -o runs/ebsd_space_groups

train-cbleed: $(READY) ## make the shipped CBLEED reader anew (about half an hour on two cores)
	$(SINGLE) $(BIN)/zoneaxis train recipes/cbleed_si001.toml -o runs/cbleed_si001
