"""HTTP to a judge's server: a session without memory, bounded answers, one error for all foreign ones.

A question that is cancelled or late closes its connection, which is never used for another question.
"""

from typing import Protocol

import aiohttp
import orjson

from proxy.exchange import Json

# A question of 8,000 characters of four bytes, escaped, and its answer with twenty beliefs stay far below.
ANSWER_BYTES = 256 * 1024


class JudgeFailed(Exception):
    """The judge gave no usable answer. Never says what was asked or answered."""


class Channel(Protocol):
    async def post(self, path: str, question: Json) -> Json:
        """The parsed answer to a question. Raises JudgeFailed."""


class HttpChannel:
    """`url` has no path, or `/v1`. How long a question may take is the asker's to say."""

    def __init__(self, url: str, *, key: str | None = None, connections: int = 4) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "sluicegate"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            connector=aiohttp.TCPConnector(limit=connections),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            auto_decompress=False,
        )

    def __repr__(self) -> str:
        return "<HttpChannel to a judge>"

    async def post(self, path: str, question: Json) -> Json:
        try:
            async with self._session.post(
                self._url + path,
                data=orjson.dumps(question),
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            ) as answer:
                if answer.status != 200:
                    answer.close()
                    raise JudgeFailed(f"the judge's server answered with status {answer.status}")
                return orjson.loads(await _read(answer))
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise JudgeFailed("the judge's server gave no usable answer") from fault

    async def close(self) -> None:
        await self._session.close()


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    read = bytearray()
    async for piece in answer.content.iter_any():
        read += piece
        if len(read) > ANSWER_BYTES:
            answer.close()
            raise JudgeFailed("the judge's answer is too long")
    return bytes(read)
