"""The page for operators tells of every wire, and the file on it can be read."""

from pathlib import Path

import yaml

from proxy.edges.upstreams.table import configured
from proxy.edges.upstreams.upstreams import Upstreams
from proxy.settings import Limits, Upstream
from proxy.wire.registers import WIRES

PAGE = (Path(__file__).parents[3] / "docs" / "upstreams.md").read_text()


def test_every_wire_stands_on_the_page_with_its_path() -> None:
    for wire in WIRES.values():
        assert f"| `{wire.name}` | `{wire.path}`" in PAGE
        assert f"`{wire.stream_path}`" in PAGE or not wire.stream_path


def test_the_sample_is_what_it_says() -> None:
    sample = yaml.safe_load(PAGE.partition("```yaml\n")[2].partition("```")[0])["upstreams"]
    plain = ("name", "url", "replicas", "models", "speaks")
    upstreams = [Upstream(**{key: one[key] for key in plain if key in one}) for one in sample]
    door = Upstreams(upstreams, Limits())
    assert {name: len(served) for name, served in configured(tuple(door._groups.values())).items()} == {
        "llama": 2,
        "qwen": 1,
    }
    assert len(door.status()) == 5
    assert all(WIRES.keys() >= set(upstream.speaks) for upstream in upstreams)
