"""Raw requests that two HTTP readers could read in two ways, and JSON that two parsers would, for any door.

Each was accepted by one server or another that a proxy stands before or behind (RFC 9112, section 11.2).
"""

import gzip
import json
from typing import Any

KEY = b"Authorization: Bearer key\r\n"

NEXT = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

ASKS: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "Hello."}]},
    "openai_completions": {"prompt": "Hello."},
    "openai_responses": {"input": "Hello.", "store": False},
    "openai_embeddings": {"input": "Hello."},
    "anthropic_messages": {"max_tokens": 5, "messages": [{"role": "user", "content": "Hello."}]},
    "anthropic_count_tokens": {"messages": [{"role": "user", "content": "Hello."}]},
    "ollama_chat": {"messages": [{"role": "user", "content": "Hello."}]},
    "ollama_generate": {"prompt": "Hello."},
    "ollama_embed": {"input": "Hello."},
    "ollama_embeddings": {"prompt": "Hello."},
    "tgi": {"inputs": "Hello."},
    "tgi_generate": {"inputs": "Hello."},
    "tgi_generate_stream": {"inputs": "Hello."},
    "tei_embed": {"inputs": "Hello."},
    "tei_rerank": {"query": "Hello.", "texts": ["Good day."]},
    "tei_predict": {"inputs": "Hello."},
    "vllm_rerank": {"query": "Hello.", "documents": ["Good day."]},
    "vllm_score": {"text_1": "Hello.", "text_2": "Good day."},
    "vllm_tokenize": {"prompt": "Hello."},
    "vllm_detokenize": {"tokens": [1, 2]},
}
"""The smallest request of every dialect. Those of `UNNAMED` name no model."""

UNNAMED = {"tgi", "tgi_generate", "tgi_generate_stream", "tei_embed", "tei_rerank", "tei_predict"}


def ask(dialect: str, model: str = "small") -> bytes:
    named = {} if dialect in UNNAMED else {"model": model}
    return json.dumps({**named, **ASKS[dialect]}).encode()


def head(path: str, *lines: bytes) -> bytes:
    """The head of a POST with a key and JSON in it, but for what says where its body ends."""
    first = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".encode()
    return first + KEY + b"".join(line + b"\r\n" for line in lines)


def post(path: str, body: bytes, *lines: bytes) -> bytes:
    """A well-formed one, after which the connection ends."""
    return head(path, b"Connection: close", b"Content-Length: %d" % len(body), *lines) + b"\r\n" + body


def get(path: str, *lines: bytes, method: str = "GET") -> bytes:
    first = f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n".encode()
    return first + KEY + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def framing(path: str) -> dict[str, bytes]:
    """Bodies whose end can be seen in two places."""
    top = head(path)
    chunked = top + b"Transfer-Encoding: chunked\r\n\r\n"
    old = top.replace(b"HTTP/1.1", b"HTTP/1.0")
    return {
        "length and coding": top + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "coding and length": top + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "the same length twice": top + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "two lengths": top + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        "length with a sign": top + b"Content-Length: +2\r\n\r\n{}",
        "negative length": top + b"Content-Length: -1\r\n\r\n{}",
        "list of lengths": top + b"Content-Length: 1, 1\r\n\r\n{}",
        "hexadecimal length": top + b"Content-Length: 0x2\r\n\r\n{}",
        "empty length": top + b"Content-Length: \r\n\r\n{}",
        "huge length": top + b"Content-Length: 18446744073709551618\r\n\r\n{}",
        "unknown coding": top + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "chunked not last": top + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "stacked codings": top + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "two codings": top + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "hidden coding": top + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "coding on 1.0": old + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "coding with a tab": top + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "chunk extension with a line feed": chunked + b"2;a\nb\r\n{}\r\n0\r\n\r\n",
        "hexadecimal prefix in a chunk": chunked + b"0x2\r\n{}\r\n0\r\n\r\n",
        "two types": top + b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
        "negative chunk": chunked + b"-1\r\n{}\r\n0\r\n\r\n",
        "huge chunk": chunked + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n",
        "chunk with bare line feeds": chunked + b"2\n{}\n0\n\n",
        "chunk longer than it says": chunked + b"1\r\n{}\r\n0\r\n\r\n",
        "chunk size of nothing": chunked + b"\r\n{}\r\n0\r\n\r\n",
        "space before a chunk's extension": chunked + b"2 \r\n{}\r\n0\r\n\r\n",
    }


def heads(path: str, method: str = "GET") -> dict[str, bytes]:
    """Heads that are not plainly one HTTP/1.x request to this server."""
    line = f"{method} {path} HTTP/1.1\r\n".encode()
    bare = f"{method} {path} ".encode()
    there = f"{method} http://evil{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    return {
        "folded line": line + b"Host: a\r\nX: b\r\n c\r\n\r\n",
        "bare line feeds": bare + b"HTTP/1.1\nHost: a\n\n",
        "bare carriage returns": bare + b"HTTP/1.1\rHost: a\r\r",
        "space before the colon": line + b"Host : a\r\n\r\n",
        "space before a name": line + b" Host: a\r\n\r\n",
        "no colon": line + b"Host: a\r\nnonsense\r\n\r\n",
        "empty name": line + b"Host: a\r\n: b\r\n\r\n",
        "NUL in a value": line + b"Host: a\r\nX: a\x00b\r\n\r\n",
        "carriage return in a value": line + b"Host: a\r\nX: a\rb\r\n\r\n",
        "NUL in a name": line + b"Host: a\r\nX\x00: a\r\n\r\n",
        "two hosts": line + b"Host: a\r\nHost: a\r\n\r\n",
        "two hosts that differ": line + b"Host: a\r\nHost: b\r\n\r\n",
        "no host": line + b"\r\n",
        "empty host": line + b"Host: \r\n\r\n",
        "host with a path": line + b"Host: a/?x=\r\n\r\n",
        "host with a fragment": line + b"Host: a/#@b\r\n\r\n",
        "host with a user": line + b"Host: u@a\r\n\r\n",
        "absolute target": there,
        "absolute target, own host": there.replace(b"evil", b"a"),
        "target without a host": there.replace(b"evil", b""),
        "target of another scheme": f"{method} mailto:x HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "broken address": there.replace(b"evil", b"[::1"),
        "address with a port that is none": there.replace(b"evil", b"a:99999999"),
        "star": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "no slash": f"{method} {path[1:] or 'x'} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "space in the target": bare + b"x HTTP/1.1\r\nHost: a\r\n\r\n",
        "no version": bare.strip() + b"\r\n\r\n",
        "version 0.9": bare + b"HTTP/0.9\r\nHost: a\r\n\r\n",
        "version 1.2": bare + b"HTTP/1.2\r\nHost: a\r\n\r\n",
        "version 1.9": bare + b"HTTP/1.9\r\nHost: a\r\n\r\n",
        "version 2.0": bare + b"HTTP/2.0\r\nHost: a\r\n\r\n",
        "lower-case version": bare + b"http/1.1\r\nHost: a\r\n\r\n",
        "lower-case method": (line + b"Host: a\r\n\r\n").replace(method.encode(), method.lower().encode(), 1),
        "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "unknown method": f"FOO {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        "a line of 9 kB": line + b"Host: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        "a target of 9 kB": f"{method} {path}".encode() + b"y" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        "200 lines": line + b"Host: a\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        "nonsense": b"\x00\xff\xfe nonsense\r\n\r\n",
        "old web socket": line + b"Host: a\r\nSec-WebSocket-Key1: x\r\n\r\n",
    }


def near(path: str) -> list[str]:
    """Targets that some server would take for this path. Ours takes it byte for byte."""
    middle = len(path) // 2
    return [
        f"/{path}",
        f"{path}/" if path != "/" else "/./",
        f"{path};a=b",
        f"{path}%00",
        f"{path}%20",
        f"{path}%2f",
        f"{path}%252f",
        f"/.{path}",
        f"/x/..{path}",
        f"{path}/." if path != "/" else "/.",
        f"{path}/../x",
        f"{path}\\",
        f"/\\{path}",
        f"{path}#x",
        f"{path[:1]}%{ord(path[1]):02x}{path[2:]}" if len(path) > 1 else "/%2e",
        path[:middle] + "%2f" + path[middle:],
        path.upper() if path.upper() != path else f"{path}A",
        f"{path}.json",
    ]


def codings(body: bytes) -> dict[str, tuple[int, bytes, list[bytes]]]:
    """Bodies that are coded badly: the status that they deserve, the body, and lines of the head."""
    packed = gzip.compress(body)
    coded = b"Content-Encoding: gzip"
    bomb = gzip.compress(b" " * 3_000_000)
    return {
        "truncated gzip": (400, packed[:-4], [coded]),
        "gzip with more behind it": (400, packed + packed, [coded]),
        "not gzip": (400, body, [coded]),
        "a bomb": (413, bomb, [coded]),
        "gzip twice": (415, gzip.compress(packed), [b"Content-Encoding: gzip, gzip"]),
        "two codings": (415, packed, [coded, coded]),
        "deflate": (415, packed, [b"Content-Encoding: deflate"]),
        "brotli": (415, packed, [b"Content-Encoding: br"]),
        "other expectation": (400, body, [b"Expect: 200-maybe"]),
    }


JSON_READ_IN_TWO_WAYS: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"{canary",
    "two documents": b"{}{}",
    "an array": b"[]",
    "a duplicate key": b'{"model":"small","model":"large"}',
    "a duplicate key, escaped": b'{"model":"small","mode\\u006c":"large"}',
    "a duplicate key, deep inside": b'{"a":[{"b":1,"b":2}]}',
    "a byte order mark": b'\xef\xbb\xbf{"model":"small"}',
    "UTF-16": '{"model":"small"}'.encode("utf-16-le"),
    "UTF-32": '{"model":"small"}'.encode("utf-32-le"),
    "Latin-1": '{"model":"ä"}'.encode("latin-1"),
    "NaN": b'{"temperature":NaN}',
    "infinity": b'{"temperature":-Infinity}',
    "1e400": b'{"temperature":1e400}',
    "2^64": b'{"seed":18446744073709551616}',
    "400 digits": b'{"seed":' + b"1" * 400 + b"}",
    "5,000 digits": b'{"seed":' + b"1" * 5000 + b"}",
    "a lone surrogate": b'{"model":"\\ud800"}',
    "a lone surrogate in a key": b'{"\\udfff":1}',
    "raw surrogates": b'{"model":"\xed\xa0\xbd\xed\xb8\x80"}',
    "overlong UTF-8": b'{"model":"\xc0\xae"}',
    "900 deep": b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
    "100,000 deep": b'{"a":' + b"[" * 100_000,
    "a comment": b'{"model":"small"/**/}',
    "a comma at the end": b'{"model":"small",}',
    "single quotes": b"{'model':'small'}",
    "a control character": b'{"model":"sm\x01all"}',
    "NUL": b'{"model":"small"}\x00',
}
