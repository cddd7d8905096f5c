"""How each kind of server says that it is ready, and which models it has."""

import pytest

from proxy.edges.upstreams.probes import HUGGING_FACE, OLLAMA, OPENAI, Probe, probe_of
from proxy.errors import UpstreamUnavailable
from tests.edges.fakes_upstream import upstream


@pytest.mark.parametrize(
    ("speaks", "probe"),
    [
        (("openai_chat",), OPENAI),
        (("anthropic_messages",), OPENAI),
        (("vllm_rerank",), OPENAI),
        (("ollama_chat", "ollama_embed"), OLLAMA),
        (("ollama_chat", "openai_chat"), OPENAI),
        (("tgi_generate",), HUGGING_FACE),
        (("tgi",), HUGGING_FACE),
        (("tei_embed", "tei_rerank"), HUGGING_FACE),
    ],
)
def test_what_a_server_speaks_says_what_it_is_asked(speaks: tuple[str, ...], probe: Probe) -> None:
    assert probe_of(upstream("http://a", speaks=speaks)) is probe


@pytest.mark.parametrize(
    ("probe", "body", "names"),
    [
        (OPENAI, b'{"object": "list", "data": [{"id": "a"}, {"id": "b/c"}]}', ("a", "b/c")),
        (OPENAI, b'{"data": []}', ()),
        (OPENAI, b'{"data": [{"id": "a b"}, {"id": 1}, {"id": ""}, {"id": "\\u00e4"}]}', ()),
        (OLLAMA, b'{"models": [{"name": "llama3:8b", "size": 1}]}', ("llama3:8b",)),
        (HUGGING_FACE, b'{"model_id": "org/m", "max_input_length": 1}', ("org/m",)),
    ],
)
def test_names_are_read_and_those_that_cannot_be_a_models_are_left_out(
    probe: Probe, body: bytes, names: tuple[str, ...]
) -> None:
    assert probe.names(body) == names


@pytest.mark.parametrize("probe", [OPENAI, OLLAMA, HUGGING_FACE])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b"null", b'{"data": 1}', b'{"data": ["m"]}', b'"x"']
)
def test_anything_else_is_no_answer(probe: Probe, body: bytes) -> None:
    with pytest.raises(UpstreamUnavailable):
        probe.names(body)
