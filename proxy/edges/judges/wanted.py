"""Policies with soft rules and nobody to judge them would refuse every call: told before the start."""

from collections.abc import Iterator

import orjson

from proxy.edges.rego.files import default_policies, read_policies
from proxy.errors import ConfigInvalid
from proxy.settings import Settings


def check_judge(settings: Settings) -> None:
    """Blocking. Raises ConfigInvalid. An OPA that somebody else runs has rules that cannot be seen here."""
    rules = settings.hard_rules
    if settings.soft_rules.judge != "none" or rules.opa.url or rules.opa.socket:
        return
    folder = rules.policies or default_policies()
    names = list(_soft_rules(read_policies(folder).document))
    if names:
        place = folder / "gateway" / "config" / "soft_rules" / "data.yaml"
        copy = "" if rules.policies else f"set hard_rules.policies to a copy of {folder} and "
        raise ConfigInvalid(
            [
                f"soft_rules.judge: the policies have soft rules ({', '.join(names)}) and nobody judges them,"
                f" so every call would be refused: set soft_rules.judge, or {copy}take the rules out of"
                f" {place.relative_to(folder) if copy else place}"
            ]
        )


def _soft_rules(document: bytes) -> Iterator[str]:
    config = orjson.loads(document).get("gateway", {}).get("config", {})
    for rule in config.get("soft_rules", {}).get("rules", ()):
        yield rule["rule"]
