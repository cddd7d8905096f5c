"""`${NAME}` and `${NAME:-default}` in a scalar; `$$` is a dollar sign. What comes in is not read again."""

import re
from collections.abc import Mapping

_DOLLAR = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<open>\{))")


class Unset(ValueError):
    """A variable that is not set and has no default, or a `${` that is not one. The words quote no value."""


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """As a shell does it: `:-` also stands in for a variable that is set but empty. Raises Unset."""
    return _DOLLAR.sub(lambda found: _replacement(found, environ), text)


def refers(text: str) -> bool:
    """Whether the text asks for a variable."""
    return any(found["name"] for found in _DOLLAR.finditer(text))


def _replacement(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found["open"]:
        raise Unset("`${` must be followed by a name and `}`; write `$$` for a dollar sign")
    name, default = found["name"], found["default"]
    if name is None:
        return "$"
    value = environ.get(name)
    if default is not None:
        return value or default
    if value is None:
        raise Unset(f"the environment variable {name} is not set")
    return value
