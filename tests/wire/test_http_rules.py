"""The rules for a request's head, one by one and as laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.errors import Denied, MediaTypeUnknown, RequestInvalid, UpstreamRefused
from proxy.wire import http_rules

PLAIN = [("Host", "localhost:8080")]


def check(*headers: tuple[str, str], version: tuple[int, int] = (1, 1), target: str = "/v1") -> None:
    http_rules.check_head(version, target, CIMultiDict(headers))


@pytest.mark.parametrize(
    "host", ["localhost", "a.example:443", "my_service:8080", "[::1]:8080", "[fe80::1]", "10.0.0.1", "a"]
)
def test_plain_authorities_pass(host: str) -> None:
    check(("Host", host))


@pytest.mark.parametrize(
    "host",
    ["", "a/?x=", "a/#@b", "user@host", "a b", "a:port", "a:", ":80", "a:123456", "-a", "a%2e", "ä", "[::1",
     "a,b", "a\\b", "a?", "http://a", "a\n", "a-", "[::1]x", "a" * 300],
)  # fmt: skip
def test_a_host_that_is_not_a_plain_authority_is_refused(host: str) -> None:
    with pytest.raises(RequestInvalid):
        check(("Host", host))


def test_http_1_1_needs_exactly_one_host() -> None:
    with pytest.raises(RequestInvalid):
        check()
    with pytest.raises(RequestInvalid):
        check(*PLAIN, *PLAIN)


def test_http_1_0_may_leave_the_host_out_but_not_lie_in_it() -> None:
    check(version=(1, 0))
    with pytest.raises(RequestInvalid):
        check(("Host", "a/?x="), version=(1, 0))


@pytest.mark.parametrize("version", [(0, 9), (1, 2), (1, 9), (2, 0), (3, 0)])
def test_only_two_versions_are_spoken(version: tuple[int, int]) -> None:
    with pytest.raises(RequestInvalid):
        check(*PLAIN, version=version)


@pytest.mark.parametrize("target", ["http://evil/x", "*", "", "evil:443", "v1", "\\v1", "?x"])
def test_a_target_that_is_not_a_path_is_refused(target: str) -> None:
    with pytest.raises(RequestInvalid):
        check(*PLAIN, target=target)


@pytest.mark.parametrize(
    "coding",
    ["gzip, chunked", "chunked, identity", "xchunked", "identity", "", "chunked,", "Chunked", "chunked "],
)
def test_any_transfer_coding_but_chunked_is_refused(coding: str) -> None:
    with pytest.raises(RequestInvalid):
        check(*PLAIN, ("Transfer-Encoding", coding))


def test_chunked_is_taken_once_on_http_1_1_and_without_a_length() -> None:
    chunked = ("Transfer-Encoding", "chunked")
    check(*PLAIN, chunked)
    for headers, version in [
        ([chunked], (1, 0)),
        ([chunked, chunked], (1, 1)),
        ([chunked, ("Content-Length", "2")], (1, 1)),
    ]:
        with pytest.raises(RequestInvalid):
            check(*PLAIN, *headers, version=version)


@pytest.mark.parametrize(
    "length", ["+1", "-1", "1, 1", "0x1", "", "1e3", "٣", "²", "1_0", " 1", "9" * 16, "1.0"]
)
def test_a_length_that_is_not_plain_digits_is_refused(length: str) -> None:
    with pytest.raises(RequestInvalid):
        check(*PLAIN, ("Content-Length", length))


def test_two_lengths_are_refused_even_when_they_agree() -> None:
    with pytest.raises(RequestInvalid):
        check(*PLAIN, ("Content-Length", "2"), ("content-length", "2"))


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_a_plain_length_is_read_as_it_is(length: int) -> None:
    assert http_rules.content_length(CIMultiDict({"Content-Length": str(length)})) == length


@given(st.text(max_size=12))
def test_a_length_is_read_as_ascii_digits_or_not_at_all(text: str) -> None:
    try:
        length = http_rules.content_length(CIMultiDict({"Content-Length": text}))
    except RequestInvalid:
        return
    assert text.isascii()
    assert length == int(text)


def test_no_length_is_no_length() -> None:
    assert http_rules.content_length(CIMultiDict()) is None


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_json_in_utf_8_is_taken(media_type: str) -> None:
    http_rules.check_json(CIMultiDict({"Content-Type": media_type}))


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/jsonx", "application/json, text/plain",
     "application/json; charset=utf-16", "application/x-www-form-urlencoded", "text/json",
     "application/json; charset=utf-8; x=y"],
)  # fmt: skip
def test_anything_else_than_json_in_utf_8_is_refused(media_type: str | None) -> None:
    with pytest.raises(MediaTypeUnknown):
        http_rules.check_json(CIMultiDict({} if media_type is None else {"Content-Type": media_type}))


def test_two_content_types_are_refused() -> None:
    with pytest.raises(MediaTypeUnknown):
        http_rules.check_json(CIMultiDict([("Content-Type", "application/json")] * 2))


@pytest.mark.parametrize(
    ("value", "coding"), [(None, "identity"), ("identity", "identity"), ("gzip", "gzip"), ("GZIP", "gzip")]
)
def test_two_codings_are_known(value: str | None, coding: str) -> None:
    headers = CIMultiDict({} if value is None else {"Content-Encoding": value})
    assert http_rules.content_coding(headers) == coding


@pytest.mark.parametrize("value", ["gzip, gzip", "br", "deflate", "zstd", "", "x-gzip", "gzip,", "ſ"])
def test_unknown_or_stacked_codings_are_refused(value: str) -> None:
    with pytest.raises(MediaTypeUnknown):
        http_rules.content_coding(CIMultiDict({"Content-Encoding": value}))


def test_codings_stacked_in_two_lines_are_refused() -> None:
    with pytest.raises(MediaTypeUnknown):
        http_rules.content_coding(CIMultiDict([("Content-Encoding", "gzip")] * 2))


def test_only_http_1_1_may_wait_for_continue() -> None:
    waiting = CIMultiDict({"Expect": "100-Continue"})
    assert http_rules.awaits_continue((1, 1), waiting)
    assert not http_rules.awaits_continue((1, 0), waiting)
    assert not http_rules.awaits_continue((1, 1), CIMultiDict())


def test_any_other_expectation_is_refused() -> None:
    with pytest.raises(RequestInvalid):
        http_rules.awaits_continue((1, 1), CIMultiDict({"Expect": "200-maybe"}))


@pytest.mark.parametrize(
    ("upstream", "status"), [(400, 400), (401, 502), (403, 502), (404, 502), (413, 413), (422, 422),
                             (429, 429), (500, 502), (503, 503), (301, 502), (204, 502)],
)  # fmt: skip
def test_only_upstream_statuses_that_tell_the_caller_something_are_kept(upstream: int, status: int) -> None:
    assert http_rules.answer_status(UpstreamRefused(upstream)) == status


def test_our_own_errors_keep_their_status() -> None:
    assert http_rules.answer_status(Denied("no")) == 403


def test_the_headers_to_an_upstream_are_these_and_no_others() -> None:
    assert http_rules.upstream_headers("sluicegate", None) == {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "sluicegate",
    }
    assert http_rules.upstream_headers("sluicegate", "k")["authorization"] == "Bearer k"
