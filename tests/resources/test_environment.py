"""Settings reach the resources."""

from plateful.environments import Settings, open_adapters
from resources.environment import build_resources
from resources.tracking import TrackingResource


def test_links_lead_to_where_mlflow_is_open(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"mlflow_url": "http://127.0.0.1:5999"})
    resource = build_resources(elsewhere)["tracking"]
    assert isinstance(resource, TrackingResource)
    assert resource.open().ui_url == open_adapters(elsewhere).tracking.ui_url == "http://127.0.0.1:5999"
