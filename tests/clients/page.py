"""The snippets of docs/clients.md, as programs: with the address and the key of a running proxy in them."""

from pathlib import Path

from tests.clients.catalogue import CLIENTS_PYTHON, NPM, ROOT
from tests.pages import Block, Page

PAGE = ROOT / "docs" / "clients.md"
SHOWN_URL, SHOWN_KEY = "http://127.0.0.1:8080", "sg-…"

# By the language of the block: what reads a program on its standard input, and where that finds its packages.
RUN_BY: dict[str, tuple[tuple[str, ...], Path]] = {
    "python": ((str(CLIENTS_PYTHON), "-W", "error::SyntaxWarning", "-"), ROOT),
    "js": (("node", "--input-type=module"), NPM),
}


def snippets() -> list[Block]:
    page = Page(PAGE, "docs/clients.md", PAGE.read_text("utf-8"))
    return [block for block in page.blocks() if block.kind in RUN_BY]


def filled(block: Block, url: str, key: str) -> bytes:
    """What the page shows, with nothing changed but what it tells to change."""
    assert SHOWN_URL in block.text
    assert SHOWN_KEY in block.text
    return block.text.replace(SHOWN_URL, url).replace(SHOWN_KEY, key).encode()
