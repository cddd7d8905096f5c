"""What a URL, an address or a file among the settings must be: each function gives its problem, or None."""

import ipaddress
import os
import re
import stat
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

LAST_PORT = 65_535

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253}):(?P<port>[0-9]{1,5})")
_SOCKET = re.compile(r"unix:/[!-~]{1,107}")  # sun_path holds 108 bytes (unix(7))
_URL = re.compile(r"[!-~]+")  # visible ASCII alone: yarl, urllib and the server must read the same


def address_problem(text: str) -> str | None:
    found = _ADDRESS.fullmatch(text)
    if not found or int(found["port"]) > LAST_PORT:
        return "must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080"
    return None


def host_of(address: str) -> str:
    """Of an address that has no problem."""
    return address.rpartition(":")[0].strip("[]")


def is_loopback(host: str) -> bool:
    """Only what cannot be reached from another machine. A name is not looked up: it may change."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_problem(text: str, *, query: bool = False) -> str | None:
    """`query`: some identity providers publish their keys under one."""
    parts = split_url(text)
    if parts is None:
        return "must be a URL such as http://127.0.0.1:9000"
    if parts.username is not None or parts.password is not None:
        return "must be a URL without a name or password in it; a key goes into its own file"
    if parts.fragment or text.endswith("#") or ((parts.query or "?" in text) and not query):
        return "must be a URL without `?` and `#`"
    if any(step in ("..", ".") for step in parts.path.split("/")) or "\\" in text or "%" in parts.netloc:
        return "must be a URL whose path is written plainly"
    return None


def server_problem(text: str) -> str | None:
    """A URL, or `unix:/path` of a socket, which need not be there yet."""
    return None if _SOCKET.fullmatch(text) else url_problem(text)


def split_url(text: str) -> SplitResult | None:
    """The parts of an http or https URL with a host, or None."""
    if not _URL.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname and port != 0 else None


def file_problem(path: Path, *, secret: bool) -> str | None:
    """`secret`: others on the machine may not read it. Nobody but owner and group may write any of them."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"there is no such file ({os.strerror(error.errno or 0)})"
    if not stat.S_ISREG(mode):
        return "must be a file"
    if not os.access(path, os.R_OK):
        return "the file cannot be read by this user"
    if mode & stat.S_IWOTH:
        return "everyone on this machine may write the file: chmod o-w"
    if secret and mode & stat.S_IROTH:
        return "everyone on this machine may read the secret in the file: chmod o-r"
    return None


def folder_problem(path: Path) -> str | None:
    return None if path.is_dir() else "there is no such folder"


def program_problem(path: Path) -> str | None:
    return None if path.is_file() and os.access(path, os.X_OK) else "there is no such program"
