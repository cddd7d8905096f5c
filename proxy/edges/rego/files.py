"""What a policy repository holds, read once: the Rego sources, the data under `gateway/config`, the revision.

Data is read in such a strict way that there is only one way to read it: OPA's YAML parser and ours must see
the same document. Each value is checked against its schema. Nothing here decides or compiles.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import fastjsonschema
import orjson

from proxy.edges.configuration.yaml_strict import MAX_DEPTH, Places, YamlProblem, read_yaml
from proxy.edges.rego.exact import number_keys
from proxy.errors import ConfigInvalid, RequestInvalid
from proxy.exchange import Json
from proxy.wire import strict_json

CONFIG = Path("gateway/config")
SCHEMAS = Path("schemas/config")

# A policy repository is read whole, in a running proxy too. The sample one has 25 kB.
MAX_FILE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """`sources`: the Rego without its tests, by path in the repository. `document`: the JSON of `data`.

    `inexact`: what of the data the embedded engine would read otherwise than OPA, one line each.
    """

    sources: Mapping[str, bytes] = field(repr=False)
    document: bytes = field(repr=False)
    revision: str
    inexact: tuple[str, ...] = ()


def default_policies() -> Path:
    """The policies that ship: in a wheel they are inside the package, in a checkout beside it."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "default_policies"
    return installed if installed.is_dir() else package.parent / "policies"


def read_policies(policies: Path) -> PolicyFiles:
    """Raises ConfigInvalid with every problem of the files, one line each."""
    if not (policies / "gateway" / "main").is_dir():
        raise ConfigInvalid([f"{policies}: not a policy repository (gateway/main is missing)"])
    problems: list[str] = []
    sources = {
        path.relative_to(policies).as_posix(): _read(path, problems)
        for path in _walk(policies, ".rego")
        if not path.name.endswith("_test.rego")
    }
    inexact: list[str] = []
    config = _config(policies, problems, inexact)
    if problems:
        raise ConfigInvalid(problems)
    document = orjson.dumps({"gateway": {"config": config}}, option=orjson.OPT_SORT_KEYS)
    return PolicyFiles(sources, document, _revision(sources, document), tuple(inexact))


def rego_tests_of(policies: Path) -> dict[str, bytes]:
    """The Rego tests, by path in the repository."""
    return {
        path.relative_to(policies).as_posix(): path.read_bytes()
        for path in _walk(policies, ".rego")
        if path.name.endswith("_test.rego")
    }


def signature(policies: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file of the repository changes: cheap enough to ask for every other second."""
    seen = ((path, path.stat()) for path in _walk(policies, ".rego", ".yaml", ".json"))
    return tuple((str(path), status.st_mtime_ns, status.st_size) for path, status in seen)


def hashes(sources: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(text).hexdigest() for path, text in sorted(sources.items())}


def _revision(sources: Mapping[str, bytes], document: bytes) -> str:
    whole = orjson.dumps([hashes(sources), hashlib.sha256(document).hexdigest()])
    return hashlib.sha256(whole).hexdigest()[:16]


def _walk(folder: Path, *suffixes: str) -> Iterator[Path]:
    """Hidden folders (version control, editors) and links that lead out are no part of the policies."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or (path.is_symlink() and not _inside(path, folder)):
            continue
        if path.is_dir():
            yield from _walk(path, *suffixes)
        elif path.suffix in suffixes:
            yield path


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _read(path: Path, problems: list[str]) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        problems.append(f"{path}: larger than {MAX_FILE_BYTES} bytes")
        return b""
    return path.read_bytes()


def _config(policies: Path, problems: list[str], inexact: list[str]) -> dict[str, Json]:
    """One folder a topic, with one `data.yaml` or `data.json` in it."""
    config: dict[str, Json] = {}
    for path in _walk(policies, ".yaml", ".json"):
        if path.name not in {"data.yaml", "data.json"}:
            continue
        folder = path.relative_to(policies).parent
        if folder.parent != CONFIG:
            problems.append(f"{path}: data belongs into {CONFIG}/<topic>/")
        elif folder.name in config:
            problems.append(f"{path}: this topic has two data files")
        else:
            config[folder.name], places = _topic(policies, path, folder.name, problems)
            inexact += [
                f"{path}:{places.get(where, 1)}: the key {where[-1]} spells a number: OPA finds it by the "
                "number too, the embedded engine would not"
                for where in number_keys(config[folder.name])
            ]
    return config


def _topic(policies: Path, path: Path, topic: str, problems: list[str]) -> tuple[Json, Places]:
    places: Places = {}
    try:
        value, places = _parse(path, _read(path, problems))
        _schema(policies / SCHEMAS / f"{topic}.json")(value)
    except YamlProblem as problem:
        problems.append(f"{path}:{problem.line}: {problem.reason}")
    except fastjsonschema.JsonSchemaValueException as problem:
        problems.append(f"{path}:{_line(places, problem)}: {_sentence(problem)}")
    except _SchemaUnusable as problem:
        problems.append(f"{path}: {problem}")
    else:
        return value, places
    return None, places


def _parse(path: Path, text: bytes) -> tuple[Json, Places]:
    """JSON has one meaning already, and a long register is read a hundred times faster in it."""
    if path.suffix == ".yaml":
        return read_yaml(text)
    try:
        return strict_json.loads(text, depth=MAX_DEPTH), {(): 1}
    except RequestInvalid as error:
        raise YamlProblem(
            1, "not JSON of one meaning: a key twice, a number too large, or no JSON"
        ) from error


class _SchemaUnusable(Exception):
    """Its text is a line for the operator."""


def _schema(path: Path) -> Callable[[Json], Json]:
    if not path.is_file():
        raise _SchemaUnusable(f"there is no schema for it ({SCHEMAS}/{path.name})")
    try:
        check: Callable[[Json], Json] = fastjsonschema.compile(
            orjson.loads(path.read_bytes()), use_default=False, detailed_exceptions=True
        )
    except (orjson.JSONDecodeError, fastjsonschema.JsonSchemaDefinitionException) as error:
        raise _SchemaUnusable(f"its schema {SCHEMAS}/{path.name} is not a JSON Schema") from error
    return check


def _line(places: Places, problem: fastjsonschema.JsonSchemaValueException) -> int:
    """The line of the value, or of the nearest thing around it that has one."""
    lines = {tuple(map(str, path)): line for path, line in places.items()}
    steps = [str(step) for step in problem.path[1:]]
    while tuple(steps) not in lines:
        steps.pop()
    return lines[tuple(steps)]


def _sentence(problem: fastjsonschema.JsonSchemaValueException) -> str:
    where = ".".join(str(step) for step in problem.path[1:])
    reason = str(problem.message).removeprefix(str(problem.name)).strip()
    return f"{where}: {reason}" if where else reason
