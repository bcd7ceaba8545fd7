"""MLflow as a resource."""

from pathlib import Path

import dagster as dg

from plateful.tracking.mlflow_tracking import Tracking


class TrackingResource(dg.ConfigurableResource):
    """Experiment tracking and model registry."""

    uri: str
    artifacts: str
    # Where people open MLflow; links in the Dagster UI start with it.
    ui_url: str = "http://127.0.0.1:5000"

    def open(self) -> Tracking:
        """Return the tracking store, created on first use."""
        if self.uri.startswith("sqlite:///"):
            Path(self.uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        return Tracking(self.uri, artifact_root=self.artifacts, ui_url=self.ui_url)
