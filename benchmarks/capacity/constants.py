"""The model's constants with their sources, and what follows from them."""

from pathlib import Path
from typing import Any

import yaml

from benchmarks.capacity.demand import RunRequest, one_day
from benchmarks.capacity.outcome import Timings
from plateful.benching.prices import load_prices

FILE = Path(__file__).parent / "constants.yaml"


class Constants:
    """Values by section and name; each has a source in the file.

    Raises:
        KeyError: no such constant.
    """

    def __init__(self, file: Path = FILE) -> None:
        self.document: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(file.read_text(encoding="utf-8"))
        self.prices = load_prices()

    def value(self, section: str, name: str) -> float:
        """Return one value."""
        return self.document[section][name]["value"]

    def timings(self, preemptions_an_hour: float) -> Timings:
        """Return the cluster's timings at a rate of preemptions; 0 is on-demand."""
        node, pod, run = (self.document[name] for name in ("node", "pod", "run"))
        load = node["weights_gb"]["value"] / pod["load_gb_a_second"]["value"]
        verify = node["weights_gb"]["value"] / pod["verify_gb_a_second"]["value"]
        pull = node["image_gb"]["value"] / node["image_gb_a_second"]["value"]
        fetch = node["weights_gb"]["value"] / node["weights_gb_a_second"]["value"]
        starts = sum(
            pod[name]["value"] for name in ("schedule_seconds", "process_seconds", "compile_seconds")
        )
        shared = node["weights_once_a_node"]["value"]
        return Timings(
            node_start=node["start_seconds"]["value"],
            node_spread=node["start_spread"]["value"],
            node_prepare=pull + (fetch if shared else 0),
            idle_release=node["idle_release_seconds"]["value"],
            pod_start=starts + verify + load + (0 if shared else fetch),
            run_start=run["start_seconds"]["value"],
            rerun=run["rerun_seconds"]["value"],
            preemptions_an_hour=preemptions_an_hour,
            max_retries=run["max_retries"]["value"],
            batch=pod["batch"]["value"],
            batches_lost=pod["batches_lost"]["value"],
        )

    def seconds_per_image(self, recipe: str, device: str) -> float:
        """Return the modelled seconds of a picture end to end: TFLOP / (peak x mfu) / scoring share."""
        row, tflop = self.prices.rows[device], self.value("recipes", recipe)
        if row.half is None:
            raise KeyError(f"{device} has no peak in half precision")
        return tflop / (row.half * self.prices.mfu) / self.value("pod", "scoring_share")

    def day(self, images: int, seed: int = 0) -> list[RunRequest]:
        """Return a day's requests for a number of pictures."""
        demand = self.document["demand"]
        return one_day(
            images,
            countries=demand["countries"]["value"],
            nightly_share=demand["nightly_share"]["value"],
            batches=demand["batches_a_day"]["value"],
            exponent=demand["size_exponent"]["value"],
            seed=seed,
        )
