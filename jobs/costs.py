"""Job over the ledger: what was spent on what."""

import dagster as dg

refresh_costs = dg.define_asset_job(
    "refresh_costs",
    selection=dg.AssetSelection.assets("cost_report"),
    description="Add up the ledger's charges by team, country, application and model.",
    # No step needs a GPU: its run worker does it all.
    executor_def=dg.in_process_executor,
)

daily_costs = dg.ScheduleDefinition(
    name="daily_costs",
    job=refresh_costs,
    cron_schedule="0 6 * * *",
    description="The cost report, daily at 06:00 UTC, after the countries.",
)
