"""One request as the front sees it: aiohttp's, with an id of ours, and a watch on the head of its answer."""

from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from proxy.web.front_lobby import Lobby
from proxy.wire.http_rules import ANSWER_HEADERS, REQUEST_ID

# The spellings that aiohttp and our own handlers use; they need no lower-casing on every answer.
_ANSWER_NAMES: Final = ANSWER_HEADERS | frozenset(
    {hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, hdrs.DATE, hdrs.TRANSFER_ENCODING, hdrs.CONNECTION}
)


class GateRequest(web.BaseRequest):
    """A request that knows its id and puts it on its answer, whoever makes that answer."""

    ATTRS = web.BaseRequest.ATTRS | frozenset({"request_id", "lobby"})
    request_id: str
    lobby: Lobby[Any]

    @property
    def stopping(self) -> bool:
        """Whether the front itself cancels what is running, because draining took too long."""
        return bool(self.lobby.cutting)

    def head_bytes(self) -> int:
        lines = sum(len(name) + len(value) for name, value in self._message.raw_headers)
        return len(self._message.path) + lines

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.popall(hdrs.SERVER, None)
        headers[REQUEST_ID] = self.request_id
        for name in headers:
            if name not in _ANSWER_NAMES and name.lower() not in ANSWER_HEADERS:
                raise RuntimeError("a handler set a header that is not on the list of answer headers")
        if self.lobby.draining or self._message.upgrade or self._message.chunked:
            # The parser drops what came along behind an upgrade: where the next request starts is unknown.
            # And it puts the last trailer behind a chunked body into the head of the next request, which a
            # proxy in front of us may have sent for somebody else (aiohttp 3.14.5): there must be none.
            response.force_close()
            headers[hdrs.CONNECTION] = "close"


def speak_our_version(request: web.BaseRequest) -> None:
    """For an answer that ends the connection: its status line would repeat any version that was asked in."""
    request._cache["version"] = HttpVersion11  # noqa: SLF001  where aiohttp keeps what `version` has told once
