"""Every metric of Plateful, once: name, kind, labels, help, buckets.

Names follow Prometheus' conventions: base units in the name, `_total` on what only rises. Dashboards and
alert rules are checked against this list.
"""

from dataclasses import dataclass
from typing import Literal

from plateful.metrics import vocabulary as v

Kind = Literal["counter", "gauge", "histogram"]

# Seconds an item spends in one stage. From 1 ms (a quality score at 128 px: 2 ms; a picture's share of a
# batched text encode) over PNG at 1024 px (80-494 ms) and SDXL's denoising (0.35 s on an H200, 11 s on an L4,
# 60 s on a CPU); steps of 2-2.5, so an interpolated percentile is at most that factor off.
STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
# A hosted picture takes 3-60 s, and no endpoint may take more than some minutes.
CALL_BUCKETS = (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300)
# A step of a country: under a second where nothing changed, a shard of 5,000 for hours.
STEP_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400)


@dataclass(frozen=True)
class Metric:
    """One declared metric; `buckets` are upper bounds in the name's unit, for histograms only."""

    name: str
    kind: Kind
    help: str
    labels: tuple[v.Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels' names, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def samples(self) -> tuple[str, ...]:
        """Names under which its samples are queried."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)

    @property
    def most_series(self) -> int:
        """How many series one process can have of it."""
        series = len(self.buckets) + 3 if self.kind == "histogram" else 1
        for label in self.labels:
            series *= label.most
        return series


# -- measured by runs and commands
STAGE_SECONDS = Metric(
    "plateful_stage_duration_seconds", "histogram",
    "Seconds of one stage per item (picture, planned candidate, published image); its count: throughput.",
    (v.STAGE,), STAGE_BUCKETS,
)  # fmt: skip
RENDER_SECONDS = Metric(
    "plateful_render_duration_seconds", "histogram",
    "Seconds of rendering per picture: its share of the batch, and its retries.",
    (v.MODEL,), STAGE_BUCKETS,
)  # fmt: skip
STEP_SECONDS = Metric(
    "plateful_step_duration_seconds", "histogram", "Seconds of one asset's or op's body.",
    (v.STEP, v.ENDED), STEP_BUCKETS,
)  # fmt: skip
STEP_FAILURES = Metric(
    "plateful_step_failures_total", "counter", "Bodies of assets and ops that raised.", (v.STEP,)
)
CALL_SECONDS = Metric(
    "plateful_provider_call_duration_seconds", "histogram",
    "Seconds until a provider's picture was there or given up, repeats and waits included.",
    (v.PROVIDER,), CALL_BUCKETS,
)  # fmt: skip
CANDIDATES = Metric(
    "plateful_candidates_total", "counter", "Candidates by what became of them in a shard.",
    (v.BECAME, v.MODEL),
)  # fmt: skip
VERDICTS = Metric(
    "plateful_gate_verdicts_total", "counter", "Pictures that a gate has judged.",
    (v.JUDGED_BY, v.VERDICT),
)  # fmt: skip
REJECTIONS = Metric(
    "plateful_rejections_total", "counter", "Named failures of pictures, quarantined candidates included.",
    (v.GATE, v.REASON),
)  # fmt: skip
PENDING = Metric(
    "plateful_tasks_pending", "gauge", "Candidates that the shard of this process has still to bring in."
)
PUBLISHED = Metric("plateful_images_published_total", "counter", "Images that went live.")
RETIRED = Metric(
    "plateful_images_retired_total", "counter", "Images that were retired.", (v.RETIRED_BECAUSE,)
)
CALLS = Metric(
    "plateful_provider_calls_total", "counter", "Pictures asked of hosted models, by how it ended.",
    (v.PROVIDER, v.CALL_ENDED),
)  # fmt: skip
RETRIES = Metric(
    "plateful_provider_retries_total", "counter", "Requests to providers that were sent again.",
    (v.PROVIDER,),
)  # fmt: skip
GPU_ALLOCATED = Metric("plateful_gpu_memory_allocated_bytes", "gauge", "GPU memory that tensors hold now.")
GPU_PEAK = Metric(
    "plateful_gpu_memory_peak_bytes", "gauge", "Most GPU memory that tensors held in this process."
)
GPU_TOTAL = Metric("plateful_gpu_memory_total_bytes", "gauge", "Memory of the GPU.")
STARTED = Metric("plateful_process_start_time_seconds", "gauge", "When the process began to measure.")
FINISHED = Metric(
    "plateful_process_finished", "gauge", "1 when the process has sent its last figures, else 0."
)
PUSH_FAILURES = Metric(
    "plateful_metrics_push_failures_total", "counter", "Times that figures could not be handed over."
)

# -- read from ledger and lake by the exporter
LEASE_AGE = Metric(
    "plateful_lease_age_seconds", "gauge", "Seconds since the holder of a country last renewed its lease.",
    (v.COUNTRY,),
)  # fmt: skip
LEASE_EXPIRY = Metric(
    "plateful_lease_expiry_timestamp_seconds", "gauge", "When the lease on a country runs out.", (v.COUNTRY,)
)
BUDGET_SPENT = Metric(
    "plateful_budget_spent_dollars", "gauge", "What a team has spent on this UTC day.", (v.TEAM,)
)
BUDGET_RESERVED = Metric(
    "plateful_budget_reserved_dollars", "gauge", "What running shards hold of a team's day.", (v.TEAM,)
)
BUDGET_LIMIT = Metric(
    "plateful_budget_limit_dollars", "gauge", "What a team may spend in a UTC day; absent = no limit.",
    (v.TEAM,),
)  # fmt: skip
BUDGET_LEFT = Metric(
    "plateful_budget_left_dollars", "gauge",
    "What is left of a team's day, reservations taken off; absent = no limit.", (v.TEAM,),
)  # fmt: skip
COST_TODAY = Metric(
    "plateful_cost_today_dollars", "gauge", "Charges of this UTC day.", (v.TEAM, v.MODEL, v.APPLICATION)
)
RENDERS_TODAY = Metric(
    "plateful_renders_today", "gauge", "Charged renders of this UTC day.", (v.TEAM, v.MODEL, v.APPLICATION)
)
QUARANTINED = Metric(
    "plateful_quarantined_requests", "gauge", "Requests that failed too often and wait for a replay.",
    (v.COUNTRY,),
)  # fmt: skip
REVIEW_QUEUE = Metric(
    "plateful_review_queue_requests", "gauge", "Requests that waited for a person at the last run.",
    (v.COUNTRY,),
)  # fmt: skip
DEFERRED = Metric("plateful_deferred_requests", "gauge", "Requests that wait for money.", (v.COUNTRY,))
IMAGES = Metric(
    "plateful_images", "gauge", "Images that exist, by what became of them.", (v.COUNTRY, v.IMAGE_STATUS)
)
SHARDS_LEFT = Metric(
    "plateful_shards_left", "gauge", "Shards that running runs have planned and not finished.", (v.COUNTRY,)
)
REFRESH_SECONDS = Metric(
    "plateful_exporter_refresh_seconds", "gauge", "Seconds that the exporter's last reading took.",
    (v.SOURCE,),
)  # fmt: skip
REFRESHED = Metric(
    "plateful_exporter_refresh_timestamp_seconds", "gauge", "When the exporter last read without an error.",
    (v.SOURCE,),
)  # fmt: skip
REFRESH_ERRORS = Metric(
    "plateful_exporter_errors_total", "counter", "Readings of the exporter that failed.", (v.SOURCE,)
)

RUN_METRICS = (
    STAGE_SECONDS, RENDER_SECONDS, STEP_SECONDS, STEP_FAILURES, CALL_SECONDS, CANDIDATES, VERDICTS,
    REJECTIONS, PENDING, PUBLISHED, RETIRED, CALLS, RETRIES, GPU_ALLOCATED, GPU_PEAK, GPU_TOTAL, STARTED,
    FINISHED, PUSH_FAILURES,
)  # fmt: skip
EXPORTER_METRICS = (
    LEASE_AGE, LEASE_EXPIRY, BUDGET_SPENT, BUDGET_RESERVED, BUDGET_LIMIT, BUDGET_LEFT, COST_TODAY,
    RENDERS_TODAY, QUARANTINED, REVIEW_QUEUE, DEFERRED, IMAGES, SHARDS_LEFT, REFRESH_SECONDS, REFRESHED,
    REFRESH_ERRORS,
)  # fmt: skip
METRICS = (*RUN_METRICS, *EXPORTER_METRICS)
