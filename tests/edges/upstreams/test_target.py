"""Where an upstream is: from the settings, plainly, or not at all."""

from pathlib import Path

import pytest

from proxy.edges.upstreams.target import target_of
from proxy.edges.upstreams.upstreams import Upstreams
from proxy.errors import ConfigInvalid
from proxy.settings import Limits, Upstream
from tests.edges.fakes_upstream import ToyReader


@pytest.mark.parametrize(
    ("url", "chat"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/v1/chat/completions"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/v1/chat/completions"),
        ("http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1/chat/completions"),
        ("http://127.0.0.1:9000/v1/", "http://127.0.0.1:9000/v1/chat/completions"),
        ("https://models.example/llm/v1", "https://models.example/llm/v1/chat/completions"),
        ("https://models.example/llm", "https://models.example/llm/v1/chat/completions"),
        ("http://[::1]:9000", "http://[::1]:9000/v1/chat/completions"),
        ("http://my_service", "http://my_service/v1/chat/completions"),
        ("unix:/run/model.sock", "http://localhost/v1/chat/completions"),
    ],
)
def test_the_route_is_appended_to_the_url(url: str, chat: str) -> None:
    target = target_of(Upstream("one", url))
    assert str(target.chat) == chat
    assert str(target.models) == chat.replace("chat/completions", "models")
    assert target.socket == ("/run/model.sock" if url.startswith("unix:") else None)


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:9000", "ftp://a", "http://", "http://a b", "http://u:p@a", "http://u@a", "http://a?x", "http://a#x",
     "http://a/../b", "http://a/%2e", "http://a//v1", "http://a:x", "http://a:99999", "file:///etc", "unix:x",
     "http://[::1", "http://a/./b", "http://a/;b", "http://-a", "http://a\\b"],
)  # fmt: skip
def test_a_url_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="one: url"):
        target_of(Upstream("one", url))


def test_the_key_is_read_from_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("  s3cret-key\n")
    upstream = Upstream("one", "http://a", {"m": "m"}, key_file=key)
    target = target_of(upstream)
    assert target.key == "s3cret-key"
    upstreams = Upstreams([upstream], Limits(), ToyReader)
    shown = repr(target) + repr(upstreams) + repr(vars(upstreams))
    assert "s3cret" not in shown


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"\xff", "ü".encode(), b"a\x00"])
def test_a_key_file_without_one_plain_key_is_refused(tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    with pytest.raises(ConfigInvalid, match="key_file") as caught:
        target_of(Upstream("one", "http://a", key_file=key))
    assert "two words" not in str(caught.value)


def test_a_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="key_file"):
        target_of(Upstream("one", "http://a", key_file=tmp_path / "none"))
