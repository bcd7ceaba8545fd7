"""Network policies, evaluated as Kubernetes does: who may reach whom, and above all who may not."""

from ipaddress import ip_address, ip_network

import pytest

from tests.deploy.manifests import Object, job_of, objects, pod_templates
from tests.deploy.test_manifests import STEPS

Labels = dict[str, str]
POSTGRES, API, WEB = "10.20.0.7", "10.100.0.1", "93.184.216.34"
METADATA, WEB6, METADATA6 = "169.254.169.254", "2606:2800:220:1::1", "fd00:ec2::254"


def _chart(component: str, name: str = "dagster") -> Labels:
    """Labels that the Dagster chart gives (helm/dagster/templates, dagster-io/dagster)."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "dagster", "component": component}


def _job(component: str, profile: str | None = None) -> Labels:
    job = job_of(component, None if profile is None else STEPS[profile])
    return job["spec"]["template"]["metadata"]["labels"]


PODS: dict[str, Labels] = {
    "webserver": _chart("dagster-webserver"),
    "daemon": _chart("dagster-daemon"),
    "code": _chart("user-deployments", "dagster-user-deployments"),
    "run": _job("run_worker"),
    "cpu-step": _job("step_worker", "cpu-small"),
    "gpu-step": _job("step_worker", "gpu-render"),
    "train-step": _job("step_worker", "gpu-train"),
    **{name: template["metadata"]["labels"] for name, template in pod_templates()},
}
NAMESPACES = {
    name: {"kubernetes.io/metadata.name": name}
    for name in ("kube-system", "monitoring", "ingress-nginx", "other")
}


def _selects(selector: Object, labels: Labels) -> bool:
    known = {"In": lambda has, values: has in values, "NotIn": lambda has, values: has not in values}
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        known[one["operator"]](labels.get(one["key"]), one["values"])
        for one in selector.get("matchExpressions", ())
    )


def _peer_is(peer: Object, where: str) -> bool:
    """Whether a peer takes in an address, a pod of ours, or `pod@namespace` elsewhere."""
    if "ipBlock" in peer:
        try:
            address = ip_address(where)
        except ValueError:
            return False
        block = peer["ipBlock"]
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(part) for part in block.get("except", ())
        )
    if "@" in where:
        labels, namespace = where.split("@")
        inside = "namespaceSelector" in peer and _selects(peer["namespaceSelector"], NAMESPACES[namespace])
        own = dict([labels.split("=")]) if labels else {}
        return inside and _selects(peer.get("podSelector", {}), own)
    return where in PODS and "namespaceSelector" not in peer and _selects(peer["podSelector"], PODS[where])


def _allowed(pod: str, where: str, port: int, way: str, protocol: str = "TCP") -> bool:
    side, peers = ("egress", "to") if way == "Egress" else ("ingress", "from")
    policies = [
        one["spec"]
        for one in objects("NetworkPolicy")
        if _selects(one["spec"]["podSelector"], PODS[pod]) and way in one["spec"]["policyTypes"]
    ]
    assert policies, f"{pod} has no {way} policy: everything would be allowed"
    return any(
        any(_peer_is(peer, where) for peer in rule[peers])
        and {"protocol": protocol, "port": port} in rule["ports"]
        for policy in policies
        for rule in policy.get(side, ())
    )


@pytest.mark.parametrize("pod", PODS)
@pytest.mark.parametrize("port", [80, 443])
@pytest.mark.parametrize(
    "address",
    [
        METADATA, METADATA6, "169.254.170.23", "127.0.0.1", "10.0.0.9", "172.16.3.4", "172.31.255.1",
        "192.168.1.1", "100.64.0.1", "0.0.0.1", "224.0.0.1", "fe80::1", "fc00::1", "::1",
        "::ffff:169.254.169.254",
    ],
)  # fmt: skip
def test_nobody_reaches_metadata_or_private_addresses(pod: str, address: str, port: int) -> None:
    assert not _allowed(pod, address, port, "Egress")


@pytest.mark.parametrize(
    ("pod", "where", "port"),
    [
        ("cpu-step", WEB, 80), ("cpu-step", WEB, 443), ("cpu-step", WEB6, 443), ("gpu-step", WEB, 443),
        ("run", WEB, 443), ("code", WEB, 443), ("mlflow", WEB, 443), ("webserver", WEB, 443),
        ("cpu-step", POSTGRES, 5432), ("gpu-step", POSTGRES, 5432), ("run", POSTGRES, 5432),
        ("code", POSTGRES, 5432), ("daemon", POSTGRES, 5432), ("webserver", POSTGRES, 5432),
        ("mlflow", POSTGRES, 5432), ("metrics-exporter", POSTGRES, 5432),
        ("run", API, 443), ("daemon", API, 443), ("webserver", API, 443),
        ("daemon", "code", 3030), ("webserver", "code", 3030),
        ("cpu-step", "mlflow", 5000), ("gpu-step", "mlflow", 5000), ("code", "mlflow", 5000),
        ("gpu-step", "pushgateway", 9091), ("run", "pushgateway", 9091),
    ],
)  # fmt: skip
def test_what_is_needed_is_open_on_both_sides(pod: str, where: str, port: int) -> None:
    assert _allowed(pod, where, port, "Egress")
    if where in PODS:
        assert _allowed(where, pod, port, "Ingress")


@pytest.mark.parametrize(
    ("pod", "where", "port"),
    [
        ("gpu-step", WEB, 80), ("train-step", WEB, 80), ("run", WEB, 80), ("webserver", WEB, 80),
        ("pushgateway", WEB, 443), ("pushgateway", POSTGRES, 5432),
        ("cpu-step", POSTGRES, 22), ("cpu-step", WEB, 25), ("gpu-step", "10.20.0.7", 443),
        ("cpu-step", API, 443), ("gpu-step", API, 443), ("mlflow", API, 443), ("code", API, 443),
        ("gpu-step", "code", 3030), ("gpu-step", "webserver", 3000), ("mlflow", "webserver", 3000),
        ("cpu-step", "metrics-exporter", 9108), ("mlflow", "pushgateway", 9091),
    ],
)  # fmt: skip
def test_what_is_not_needed_is_closed(pod: str, where: str, port: int) -> None:
    assert not _allowed(pod, where, port, "Egress")


@pytest.mark.parametrize(
    ("pod", "where", "port", "open_"),
    [
        ("webserver", "@ingress-nginx", 3000, True), ("webserver", "@other", 3000, False),
        ("mlflow", "@ingress-nginx", 5000, True), ("mlflow", "@other", 5000, False),
        ("pushgateway", "@monitoring", 9091, True), ("pushgateway", "@other", 9091, False),
        ("metrics-exporter", "@monitoring", 9108, True), ("metrics-exporter", "@ingress-nginx", 9108, False),
        ("code", "@ingress-nginx", 3030, False), ("gpu-step", "@monitoring", 9091, False),
    ],
)  # fmt: skip
def test_only_proxy_and_prometheus_come_in(pod: str, where: str, port: int, open_: bool) -> None:
    assert _allowed(pod, where, port, "Ingress") is open_


@pytest.mark.parametrize("pod", PODS)
def test_names_are_resolved_by_the_clusters_dns_alone(pod: str) -> None:
    assert _allowed(pod, "k8s-app=kube-dns@kube-system", 53, "Egress", "UDP")
    assert not _allowed(pod, "k8s-app=kube-dns@other", 53, "Egress", "UDP")
    assert not _allowed(pod, "8.8.8.8", 53, "Egress", "UDP")


def test_every_policy_selects_a_pod_that_exists() -> None:
    for one in objects("NetworkPolicy"):
        name = one["metadata"]["name"]
        assert any(_selects(one["spec"]["podSelector"], labels) for labels in PODS.values()), name
        for rule in [*one["spec"].get("egress", ()), *one["spec"].get("ingress", ())]:
            for peer in [*rule.get("to", ()), *rule.get("from", ())]:
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    assert any(_selects(peer["podSelector"], labels) for labels in PODS.values()), name
