"""Job over one model version: render the eval set, score it, refresh the leaderboard."""

import dagster as dg

evaluate_model = dg.define_asset_job(
    "evaluate_model",
    selection=dg.AssetSelection.assets("eval_images", "eval_scores"),
    description="Eval pictures and scores of one model version, logged to MLflow.",
)

refresh_leaderboard = dg.define_asset_job(
    "refresh_leaderboard",
    selection=dg.AssetSelection.assets("model_leaderboard"),
    description="Read every evaluated model version back from MLflow.",
    # No step needs a GPU: its run worker does it all.
    executor_def=dg.in_process_executor,
)
