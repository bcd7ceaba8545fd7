#!/usr/bin/env bash
# Starts MLflow and the Dagster UI with its daemon on one state folder; Ctrl-C stops both.
set -euo pipefail
cd "$(dirname "$0")"

HOST="${HOST:-127.0.0.1}" DAGSTER_PORT="${DAGSTER_PORT:-3000}" MLFLOW_PORT="${MLFLOW_PORT:-5000}"
# Links in the Dagster UI lead here.
export PLATEFUL_MLFLOW_URL="${PLATEFUL_MLFLOW_URL:-http://$HOST:$MLFLOW_PORT}"
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false
DAGSTER_HOME="$(.venv/bin/plateful instance)"
export DAGSTER_HOME
state="$(dirname "$DAGSTER_HOME")"
mkdir -p "$state/mlflow"

.venv/bin/mlflow server --host "$HOST" --port "$MLFLOW_PORT" \
    --backend-store-uri "sqlite:///$state/mlflow/mlflow.sqlite" \
    --artifacts-destination "$state/mlflow/artifacts" &
mlflow=$!
trap 'kill "$mlflow" 2>/dev/null || true' EXIT
echo "MLflow:  http://$HOST:$MLFLOW_PORT"
echo "Dagster: http://$HOST:$DAGSTER_PORT"
.venv/bin/dagster dev --workspace workspace.yaml --host "$HOST" --port "$DAGSTER_PORT"
