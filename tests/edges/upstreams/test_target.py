"""Where a server is: from the settings, plainly, or not at all."""

import pytest

from proxy.edges.upstreams.target import Target, target_of
from proxy.errors import ConfigInvalid


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:9000", Target("127.0.0.1", 9000, "127.0.0.1:9000")),
        ("http://127.0.0.1:9000/", Target("127.0.0.1", 9000, "127.0.0.1:9000")),
        ("http://127.0.0.1:9000/v1/", Target("127.0.0.1", 9000, "127.0.0.1:9000")),
        ("https://models.example/llm/v1", Target("models.example", 443, "models.example", "/llm", tls=True)),
        ("https://models.example:443", Target("models.example", 443, "models.example:443", tls=True)),
        ("http://[::1]:9000", Target("::1", 9000, "[::1]:9000")),
        ("http://[::1]", Target("::1", 80, "[::1]")),
        ("http://my_service", Target("my_service", 80, "my_service")),
        ("unix:/run/model.sock", Target("localhost", 0, "localhost", socket="/run/model.sock")),
    ],
)
def test_a_url_says_where_a_server_is(url: str, target: Target) -> None:
    assert target_of(url, "one") == target


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:9000", "ftp://a", "http://", "http://a b", "http://u:p@a", "http://u@a", "http://a?x", "http://a#x",
     "http://a/../b", "http://a/%2e", "http://a//v1", "http://a:x", "http://a:99999", "file:///etc", "unix:x",
     "http://[::1", "http://a/./b", "http://a/;b", "http://a:0", "http://" + "a" * 64 + ".x", "http://-a", "http://a\\b"],
)  # fmt: skip
def test_a_url_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="one: url"):
        target_of(url, "one")
