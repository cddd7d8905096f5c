import re

import pytest

from tests.clients.catalogue import CLIENTS, NPM, Client
from tests.clients.house import spoken

SCRIPTS = NPM.parent / "scripts"


def written(client: Client) -> set[str]:
    """The features that a client's script has, by its text: to import it takes the client."""
    *_, script = client.command
    if script.endswith(".mjs"):
        return set(re.findall(r'(?m)^  "?([\w.]+)"?: (?:async )?\(asks\)', (NPM / script).read_text()))
    text = (SCRIPTS / f"{script.rpartition('.')[2]}.py").read_text()
    return set(re.findall(r'@script\.feature\("([\w.]+)"\)', text))


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_feature_of_a_script_is_tried_somewhere(client: Client) -> None:
    tried = {*client.features("translated"), *client.features("native"), *client.features("direct")}
    assert written(client) == tried


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_every_client_is_denied_and_sees_private_words_come_back(client: Client) -> None:
    assert any(feature.startswith("denied") for feature in client.once)
    assert any(feature.startswith(("echo", "recall")) for feature in client.once)


async def test_a_client_that_is_not_there_fails() -> None:
    with pytest.raises(FileNotFoundError):
        await spoken(("/nowhere/python", "-m", "script"), b"")


async def test_a_script_that_cannot_run_fails_with_its_own_words() -> None:
    with pytest.raises(AssertionError, match="no words"):
        await spoken(("sh", "-c", "echo no words >&2; exit 3"), b"")
