"""docs/identity.md: every example on it would start, and what it says of the tables is so."""

from pathlib import Path

import pytest
import yaml

from proxy.edges.clock import SystemClock
from proxy.edges.configuration.file import load
from proxy.edges.identity.keys import read_entries
from proxy.edges.identity.opening import read_identities
from proxy.edges.server_tls import read_server_tls
from tests.edges.fakes_certificates import Authority
from tests.pages import FENCE

PAGE = (Path(__file__).parents[3] / "docs" / "identity.md").read_text("utf-8")
EXAMPLES = [found["text"] for found in FENCE.finditer(PAGE) if found["kind"] == "yaml"]
KEYS = next(text for text in EXAMPLES if text.startswith("keys:"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the examples name."""
    (tmp_path / "keys.yaml").write_text(KEYS)
    (tmp_path / "tls").mkdir()
    authority = Authority()
    ours = authority.files(tmp_path / "tls", "server")
    ours.key.chmod(0o600)
    authority.file(tmp_path / "tls").rename(tmp_path / "tls" / "clients.pem")
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_would_start(example: str, folder: Path) -> None:
    if "keys" in yaml.safe_load(example):
        assert read_entries(folder / "keys.yaml")[0].may_act
        return
    path = folder / "sluicegate.yaml"
    path.write_text(example)
    settings = load(path, environ={})
    read_identities(settings.identity, SystemClock())
    read_server_tls(settings.listen.tls)


def test_the_page_shows_every_way_in() -> None:
    shown = " ".join(EXAMPLES)
    for word in (
        "keys_file",
        "jwks_url",
        "discovery",
        "certificates",
        "trusted_peers",
        "peer_claims",
        "agents",
    ):
        assert word in shown
