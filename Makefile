# Plateful. Each target sets up .venv first; setup.sh does nothing when it is current.
BIN := .venv/bin
export PYTHONWARNINGS ?= ignore
HOST ?= 127.0.0.1
DAGSTER_PORT ?= 3000
MLFLOW_PORT ?= 5000

.PHONY: setup demo test rehearsal soak dev check format models lock bench

setup:
	@./setup.sh

demo: setup  ## the main job on the sample feed, with a report
	$(BIN)/plateful demo

test: setup  ## the whole suite
	@./setup.sh browser
	$(BIN)/python -m pytest

rehearsal: setup  ## production on the loopback: two countries through warehouse, bucket, cluster; a table of what ran where
	$(BIN)/python -m tests.rehearsal

soak: setup  ## 200 kills over one run of 2,000 candidates
	$(BIN)/python -m tests.faults.soak

dev: setup  ## Dagster UI and MLflow on the state that the demo left
	@HOST=$(HOST) DAGSTER_PORT=$(DAGSTER_PORT) MLFLOW_PORT=$(MLFLOW_PORT) ./dev.sh

check: setup  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

models: setup  ## train the embedded model family again (budget: 250 CPU-minutes, or 20 min of a GPU)
	$(BIN)/python -m training.family

bench: setup  ## bar C2 (a second materialization of an unchanged country), and plates drawn a second
	$(BIN)/python -m benchmarks.plates
	$(BIN)/python -m benchmarks.unchanged_country

lock: setup  ## resolve requirements.in and requirements-dev.in again
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 requirements-dev.in -o requirements-dev.txt
