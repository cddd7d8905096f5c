"""Keys and certificates: from their files, again when those change, and shown nowhere."""

import ssl
from pathlib import Path

import pytest

from proxy.edges.upstreams.credentials import Credentials
from proxy.edges.upstreams.upstreams import Upstreams
from proxy.errors import ConfigInvalid
from proxy.settings import Limits, UpstreamTls
from tests.edges.fakes_certificates import Authority
from tests.edges.fakes_upstream import upstream


def test_the_key_is_read_from_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("  s3cret-key\n")
    one = upstream("http://a", key_file=key)
    credentials = Credentials(one, tls=False)
    assert credentials.key == "s3cret-key"
    upstreams = Upstreams([one], Limits())
    assert "s3cret" not in repr(credentials) + repr(upstreams) + repr(vars(upstreams))


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a\nb", b"\xff", "ü".encode(), b"a\x00"])
def test_a_key_file_without_one_plain_key_is_refused(tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    with pytest.raises(ConfigInvalid, match="key_file") as caught:
        Credentials(upstream("http://a", key_file=key), tls=False)
    assert "two words" not in str(caught.value)


def test_a_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="key_file"):
        Credentials(upstream("http://a", key_file=tmp_path / "none"), tls=False)


def test_a_change_is_taken_and_a_broken_one_leaves_the_last_good(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("first")
    credentials = Credentials(upstream("http://a", key_file=key), tls=False)
    credentials.reload()
    assert (credentials.key, credentials.problem) == ("first", "")
    key.unlink()
    credentials.reload()
    assert (credentials.key, "key_file" in credentials.problem) == ("first", True)
    key.write_text("second")
    credentials.reload()
    assert (credentials.key, credentials.problem) == ("second", "")


def test_without_files_there_is_nothing_to_look_at_again() -> None:
    assert not Credentials(upstream("https://a"), tls=True).from_files


def test_names_and_chains_are_always_checked_and_session_keys_are_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "session-keys"))
    context = Credentials(upstream("https://a"), tls=True).context
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None


def test_without_tls_there_is_no_context() -> None:
    assert Credentials(upstream("http://a"), tls=False).context is None


@pytest.mark.parametrize("broken", ["ca_file", "cert_file", "cert_key_file"])
@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_certificate_that_cannot_be_read_is_refused(
    tmp_path: Path, authority: Authority, broken: str, content: bytes | None
) -> None:
    files = authority.files(tmp_path, "client")
    good = UpstreamTls(authority.file(tmp_path), files.certificate, files.key)
    Credentials(upstream("https://a", tls=good), tls=True)
    file: Path = getattr(good, broken)
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigInvalid, match="tls"):
        Credentials(upstream("https://a", tls=good), tls=True)


def test_a_key_under_a_pass_phrase_is_refused_and_nobody_is_asked_for_it(
    tmp_path: Path, authority: Authority
) -> None:
    files = authority.files(tmp_path, "client", passphrase=b"word")
    tls = UpstreamTls(authority.file(tmp_path), files.certificate, files.key)
    with pytest.raises(ConfigInvalid, match="unencrypted"):
        Credentials(upstream("https://a", tls=tls), tls=True)
