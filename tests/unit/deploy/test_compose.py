import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.settings import Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = {f"SIZEWISE_{name.upper()}" for name in Settings.model_fields}
every_service = pytest.mark.parametrize("name", SERVICES)


def mounts(name: str) -> dict[str, str]:
    """Where the service finds things → what they are: a path under deploy/, or a volume's name."""
    parts = [volume.split(":") for volume in SERVICES[name].get("volumes", [])]
    return {target: source for source, target, *_ in parts}


@every_service
def test_everything_mounted_exists(name: str) -> None:
    for source in mounts(name).values():
        assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], source


@every_service
def test_files_are_mounted_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        assert not volume.startswith(".") or volume.endswith(":ro"), volume


@every_service
def test_no_password_stands_in_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASSWORD|KEY|URL", variable):
            assert re.search(r"\$\{\w+:\?[^}]+\}", value), variable


@every_service
def test_an_image_is_named_with_its_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")

    assert tag not in ("", "latest")


@every_service
def test_a_service_waits_only_for_services_that_can_be_ready(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other], other


@pytest.mark.parametrize("name", ["gateway", "migrate"])
def test_the_gateway_is_given_settings_it_knows_and_what_its_policies_ask_for(name: str) -> None:
    policies = DEPLOY / mounts("gateway")[SERVICES["gateway"]["environment"]["SIZEWISE_POLICIES"]]
    texts = [path.read_text(encoding="utf-8") for path in policies.glob("*.yaml")]
    asked_for = {variable for text in texts for variable in re.findall(r"\$\{(\w+)\}", text)}
    given = set(SERVICES[name]["environment"])

    assert texts
    assert asked_for <= given
    assert given <= SETTINGS | asked_for


def test_the_gateway_runs_without_privileges_on_a_file_system_it_cannot_change() -> None:
    gateway = SERVICES["gateway"]

    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert "privileged" not in gateway
    assert re.search(r"^USER 10001", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)


def test_only_the_gateway_can_be_reached_from_other_machines() -> None:
    published = {
        (name, port)
        for name, service in SERVICES.items()
        for port in service.get("ports", [])
        if not port.startswith("127.0.0.1:")
    }

    assert published == {("gateway", "8080:8080")}


def test_the_admin_port_listens_where_prometheus_asks() -> None:
    prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))

    (job,) = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["gateway:8081"]}]
    assert SERVICES["gateway"]["environment"]["SIZEWISE_ADMIN_HOST"] == "0.0.0.0"


def test_grafana_is_provisioned_with_the_dashboard_and_its_data_source() -> None:
    provisioning = DEPLOY / mounts("grafana")["/etc/grafana/provisioning"]
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
    boards = yaml.safe_load((provisioning / "dashboards" / "sizewise.yml").read_text(encoding="utf-8"))
    prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))

    (source,) = sources["datasources"]
    (board,) = boards["providers"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
    assert mounts("grafana")[board["options"]["path"] + "/sizewise.json"] == "./dashboards/sizewise.json"


def test_everything_installed_in_the_image_is_pinned_by_hash() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    installs = [line for line in lines if re.search(r"pip (install|wheel)", line)]

    assert len(installs) == 4
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_what_the_image_is_built_from_reaches_the_build() -> None:
    root = DEPLOY.parent
    ignored, *kept = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    assert ignored == "*"
    for needed in (
        "gateway",
        "migrations",
        "pyproject.toml",
        "README.md",
        "requirements.lock",
        "requirements-dev.lock",
    ):
        assert f"!{needed}" in kept
        assert (root / needed).exists()
