"""Nothing but what stands in our own tables gets into the head of a request."""

import pytest

from proxy.edges.upstreams.requests import get, post_head, with_length
from proxy.edges.upstreams.target import target_of

TARGET = target_of("http://model:8000/llm", "one")


def test_a_head_is_a_line_the_host_and_the_fields_in_their_order() -> None:
    head = with_length(post_head(TARGET, "/v1/x", {"accept": "a/b", "X-Y": "1 2"}), 70)
    assert head == (
        b"POST /llm/v1/x HTTP/1.1\r\nHost: model:8000\r\n"
        b"accept: a/b\r\nX-Y: 1 2\r\nContent-Length: 70\r\n\r\n"
    )
    assert get(TARGET, "/health", {}) == b"GET /llm/health HTTP/1.1\r\nHost: model:8000\r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\x00b", "ä", "\x7f", "a\u2028b"])
def test_a_value_that_could_end_its_line_is_never_sent(value: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        post_head(TARGET, "/v1/x", {"accept": value})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "a_b"])
def test_a_name_that_is_none_is_never_sent(name: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        get(TARGET, "/", {name: "x"})


@pytest.mark.parametrize(
    "path", ["", "x", "/a b", "/a\r\nX: y", "/a?b", "/a#b", "/%2e", "/ä", "http://evil/"]
)
def test_a_path_that_is_not_plain_is_never_sent(path: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        get(target_of("http://model", "one"), path, {})
