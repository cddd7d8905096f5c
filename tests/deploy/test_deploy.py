"""What deploy/ ships is well formed, closed where it says it is, and its configurations would start."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

from proxy.edges.configuration.file import load
from proxy.edges.identity.keys import read_entries
from proxy.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose"
KUBERNETES = DEPLOY / "kubernetes" / "pod.yaml"
ENTRY = f"keys:\n- {{id: a, sha256: {'0' * 64}, actor: app, subject: {{id: app}}}}\n"


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return document


def objects(kind: str = "") -> list[dict[str, Any]]:
    documents = list(yaml.safe_load_all(KUBERNETES.read_text()))
    return [document for document in documents if kind in ("", document["kind"])]


def pod() -> dict[str, Any]:
    (deployment,) = objects("Deployment")
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The places that are different outside a container."""
    (tmp_path / "keys.yaml").write_text(ENTRY)
    (tmp_path / "model-key").write_text("word")
    (tmp_path / "model-key").chmod(0o440)
    return {
        "SECRETS": str(tmp_path),
        "KEYS_FILE": str(tmp_path / "keys.yaml"),
        "STATE": str(tmp_path / "state"),
        "POLICIES": str(DEPLOY.parent / "policies"),
    }


# Compose


@pytest.mark.parametrize("name", ["compose.yaml", "vllm.yaml"])
def test_the_compose_files_follow_the_compose_specification(name: str) -> None:
    """Read as Compose reads it: anchors, merge keys and variables first."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (COMPOSE / name).read_text())
    text = re.sub(r"\$\{\w+:\?[^}]*\}", "/models/a.gguf", text)
    assert "${" not in text
    PyCompose.from_json(json.dumps(yaml.safe_load(text)))


def test_the_specifications_reader_finds_mistakes() -> None:
    for wrong in ("services: {a: {image: x, prots: []}}", "services: {a: {image: x, read_only: please}}"):
        with pytest.raises(ValueError):
            PyCompose.from_yaml(wrong)


def test_each_service_meets_the_proxy_and_nobody_else() -> None:
    document = compose()
    networks = {name: set(service["networks"]) for name, service in document["services"].items()}
    for name, joined in networks.items():
        if name != "sluicegate":
            assert len(joined) == 1
            (network,) = joined
            assert document["networks"][network] == {"internal": True}
            assert {other for other, theirs in networks.items() if network in theirs} == {name, "sluicegate"}


def test_only_the_callers_port_is_published_and_only_on_loopback() -> None:
    published = {name: service.get("ports", []) for name, service in compose()["services"].items()}
    assert published == {"sluicegate": ["127.0.0.1:8080:8080"], "opa": [], "collector": [], "model": []}


def test_every_service_is_hardened_and_pinned_to_a_tag() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not re.search(r":latest\b|^[^:]+$", service["image"]), name


def test_every_file_that_compose_mounts_is_there() -> None:
    document = compose()
    sources = [v.split(":")[0] for s in document["services"].values() for v in s.get("volumes", [])]
    for source in sources:
        if source.startswith("."):
            assert (COMPOSE / source).resolve().exists(), source
    assert (COMPOSE / document["services"]["sluicegate"]["build"]["context"]).resolve() == DEPLOY.parent
    assert (DEPLOY.parent / document["services"]["sluicegate"]["build"]["dockerfile"]).exists()
    assert document["secrets"]["keys"]["file"].startswith("./secrets/")
    assert (COMPOSE / ".gitignore").read_text().strip() == "secrets/"


def test_the_compose_configuration_would_start(environ: dict[str, str]) -> None:
    settings = load(COMPOSE / "sluicegate.yaml", environ=environ, serving=True)
    names = set(compose()["services"])
    for url in (settings.upstreams[0].url, settings.hard_rules.opa.url, settings.soft_rules.url):
        assert re.match(r"http://([a-z]+):\d+$", url or "")[1] in names
    assert settings.feedback.endpoint == "http://collector:4318/v1/logs"


def test_the_containers_paths_are_those_that_compose_mounts() -> None:
    text = (COMPOSE / "sluicegate.yaml").read_text()
    service = compose()["services"]["sluicegate"]
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    assert set(re.findall(r"\$\{\w+:-([^}]+)\}", text)) == mounted - {"/etc/sluicegate/sluicegate.yaml"} | {
        "/run/secrets/keys"
    }


@pytest.fixture
def served(opa: Path) -> Iterator[str]:
    """OPA, started as compose starts it but on loopback; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [
        word.replace("0.0.0.0:8181", address).replace("/policies", str(DEPLOY.parent / "policies"))
        for word in compose()["services"]["opa"]["command"]
    ]
    with subprocess.Popen([opa, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield address
        process.terminate()


def healthy(opa: Path, address: str) -> bool:
    """What the health check of the compose file says about an OPA at this address."""
    _, program, *words = compose()["services"]["opa"]["healthcheck"]["test"]
    assert program == "/opa"
    question = [word.replace("127.0.0.1:8181", address) for word in words]
    return subprocess.run([opa, *question], capture_output=True, check=False, timeout=30).returncode == 0


@pytest.mark.slow
def test_opa_as_compose_starts_it_is_well_and_decides(opa: Path, served: str) -> None:
    """The image has no shell, so OPA asks itself."""
    for _ in range(50):
        if healthy(opa, served):
            break
        time.sleep(0.2)
    assert healthy(opa, served)
    asked = urllib.request.Request(f"http://{served}/v1/data/gateway/main/decision", b'{"input": {}}')
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert json.load(answer)["result"]["action"] == "block"
    assert not healthy(opa, f"{served}/missing"), "an answer that is not 200 is not well"
    assert not healthy(opa, "127.0.0.1:9"), "no answer is not well"


def test_opa_knows_every_flag_of_the_compose_file(opa: Path) -> None:
    command = compose()["services"]["opa"]["command"]
    flags = [word.split("=")[0] for word in command if word.startswith("--")]
    told = subprocess.run(
        [opa, "run", "--help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert [flag for flag in flags if flag not in told and flag != "--disable-telemetry"] == []
    version = subprocess.run([opa, "version"], capture_output=True, text=True, check=True, timeout=30).stdout
    pinned = re.search(r"opa:([0-9.]+)-static", (COMPOSE / "compose.yaml").read_text())[1]
    assert f"Version: {pinned}" in version


@pytest.fixture
def opa() -> Path:
    path = DEPLOY.parent / ".tools" / "opa"
    assert path.exists(), "make opa"
    return path


def test_a_first_key_as_the_script_makes_it_is_a_good_keys_file(tmp_path: Path) -> None:
    script = (COMPOSE / "up.sh").read_text()
    words = re.search(r"sluicegate:local (keys new [^;]+);", script)
    assert words is not None
    command = f'{{ echo "keys:"; sluicegate {words[1]}; }} > {tmp_path}/keys.yaml'
    subprocess.run(["sh", "-c", command], check=True, capture_output=True, timeout=60, env=with_venv())
    (entry,) = read_entries(tmp_path / "keys.yaml")
    assert entry.subject.groups == ("finance",)


def with_venv() -> dict[str, str]:
    folder = DEPLOY.parent / ".venv" / "bin"
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize("script", sorted(DEPLOY.rglob("*.sh")), ids=lambda path: path.name)
def test_every_script_is_well_formed(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=10)


# The collector


def test_the_collectors_pipelines_use_what_is_declared_and_declare_what_is_used() -> None:
    document = yaml.safe_load((DEPLOY / "collector" / "config.yaml").read_text())
    used: dict[str, set[str]] = {"receivers": set(), "processors": set(), "exporters": set()}
    for pipeline in document["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            used[kind] |= set(names)
    assert {kind: set(document[kind]) for kind in used} == used
    assert set(document["service"]["extensions"]) == set(document["extensions"])
    assert list(document["service"]["pipelines"]) == ["logs"]


# Kubernetes


@pytest.mark.parametrize("version", ["1.29", "1.33", kubernetes_validate.latest_version()])
def test_the_kubernetes_objects_follow_the_published_schemas(version: str) -> None:
    for document in objects():
        kubernetes_validate.validate(document, version, strict=True)


def test_the_published_schemas_find_mistakes() -> None:
    (deployment,) = objects("Deployment")
    deployment["spec"]["template"]["spec"]["initContainers"][0]["restartPolices"] = "Always"
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        kubernetes_validate.validate(deployment, "1.33", strict=True)


def test_every_container_keeps_to_the_restricted_standard() -> None:
    spec = pod()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    for container in spec["initContainers"] + spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_the_model_is_reached_by_pods_with_a_sidecar_alone() -> None:
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in objects("NetworkPolicy")}
    model = policies["model"]
    assert model["podSelector"] == {"matchLabels": {"app": "model"}}
    assert [rule["from"] for rule in model["ingress"]] == [
        [{"podSelector": {"matchLabels": {"sluicegate": "sidecar"}}}]
    ]
    assert model["egress"] == []
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies.values())
    (deployment,) = objects("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= policies["gated-pods"]["podSelector"]["matchLabels"].items()


def test_the_application_holds_its_own_key_and_not_the_models() -> None:
    (app,) = pod()["containers"]
    assert "volumeMounts" not in app
    assert [e["valueFrom"]["secretKeyRef"]["name"] for e in app["env"] if "valueFrom" in e] == ["app"]


def kubernetes_settings(folder: Path, environ: dict[str, str]) -> Settings:
    (config,) = objects("ConfigMap")
    path = folder / "sluicegate.yaml"
    path.write_text(config["data"]["sluicegate.yaml"])
    return load(path, environ=environ, serving=True)


def test_the_kubernetes_configuration_would_start(tmp_path: Path, environ: dict[str, str]) -> None:
    settings = kubernetes_settings(tmp_path, environ)
    secret = next(secret for secret in objects("Secret") if secret["metadata"]["name"] == "sluicegate")
    (tmp_path / "keys.yaml").write_text(secret["stringData"]["keys.yaml"])
    assert read_entries(tmp_path / "keys.yaml")
    sidecar = pod()["initContainers"][0]
    mounts = {mount["mountPath"] for mount in sidecar["volumeMounts"]}
    (config,) = objects("ConfigMap")
    named = set(re.findall(r"\$\{\w+:-([^}]+)\}", config["data"]["sluicegate.yaml"]))
    assert named <= mounts
    port = int(settings.listen.admin.rpartition(":")[2])
    assert sidecar["ports"] == [{"name": "admin", "containerPort": port}]
    assert pod()["terminationGracePeriodSeconds"] > settings.listen.drain_s


# Every README


@pytest.mark.parametrize("folder", ["container", "compose", "kubernetes", "opa", "collector"])
def test_each_way_has_a_page_and_one_command(folder: str) -> None:
    page = (DEPLOY / folder / "README.md").read_text()
    assert page.count("```sh") == 1
    assert f"({folder}/README.md)" in (DEPLOY / "README.md").read_text()


def test_no_file_names_a_package_index() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text), path
