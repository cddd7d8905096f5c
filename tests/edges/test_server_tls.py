"""The TLS context of the callers' side, from files."""

import asyncio
import ssl
from pathlib import Path

import pytest

from proxy.edges.server_tls import read_server_tls, server_context
from proxy.errors import ConfigInvalid
from proxy.settings import ListenTls
from tests.edges.fakes_certificates import Authority


@pytest.fixture
def files(tmp_path: Path) -> ListenTls:
    authority = Authority()
    ours = authority.files(tmp_path, "server")
    return ListenTls(ours.certificate, ours.key, authority.file(tmp_path), "required")


def test_nothing_older_than_tls_1_2_is_spoken_and_no_session_is_resumed(files: ListenTls) -> None:
    context = server_context(files)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.num_tickets == 0
    assert context.options & ssl.OP_NO_TICKET
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("demanded", "mode"),
    [("none", ssl.CERT_NONE), ("optional", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)],
)
def test_the_callers_certificate_is_asked_for_as_configured(
    files: ListenTls, demanded: str, mode: ssl.VerifyMode
) -> None:
    settings = ListenTls(files.cert_file, files.key_file, files.client_ca_file, demanded)  # type: ignore[arg-type]
    assert server_context(settings).verify_mode == mode


def test_without_the_group_there_is_no_tls() -> None:
    assert read_server_tls(None) is None


async def test_new_files_make_a_new_context_and_broken_ones_none(files: ListenTls, tmp_path: Path) -> None:
    kept = await asyncio.to_thread(read_server_tls, files)
    assert kept is not None
    first = kept.current
    await asyncio.to_thread(Authority().files, tmp_path, "server")
    await kept.reload()
    second = kept.current
    assert second is not first
    await asyncio.to_thread(files.key_file.write_text, "broken")
    await kept.reload()
    assert kept.current is second
    assert kept.problem is not None


@pytest.mark.parametrize("name", ["cert_file", "key_file", "client_ca_file"])
@pytest.mark.parametrize("content", [b"", b"-----BEGIN", None])
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(
    files: ListenTls, name: str, content: bytes | None
) -> None:
    path: Path = getattr(files, name)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        server_context(files)
    (problem,) = caught.value.problems
    assert problem.startswith("listen.tls.")


def test_a_key_of_another_certificate_is_a_problem(files: ListenTls, tmp_path: Path) -> None:
    other = Authority().files(tmp_path, "other")
    with pytest.raises(ConfigInvalid):
        server_context(ListenTls(files.cert_file, other.key))


def test_a_key_with_a_passphrase_is_a_problem_and_nobody_is_asked(files: ListenTls, tmp_path: Path) -> None:
    locked = Authority().files(tmp_path, "locked", passphrase=b"secret")
    with pytest.raises(ConfigInvalid):
        server_context(ListenTls(locked.certificate, locked.key))
