"""`listen.tls` → the TLS context of the callers' side, made anew when its files change.

TLS itself refuses a client certificate that is expired or of another authority; whose it is, `identity` says.
"""

import ssl
from pathlib import Path

from proxy.edges.kept import Kept
from proxy.edges.log import Log
from proxy.errors import ConfigInvalid
from proxy.settings import ListenTls

_DEMANDS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}

SETTING = "listen.tls"


def read_server_tls(settings: ListenTls | None, log: Log | None = None) -> Kept[ssl.SSLContext] | None:
    """Blocking. None without the group. Raises ConfigInvalid."""
    if settings is None:
        return None
    files = (settings.cert_file, settings.key_file, settings.client_ca_file)
    return Kept(SETTING, [path for path in files if path], lambda: server_context(settings), log)


def server_context(settings: ListenTls) -> ssl.SSLContext:
    """Blocking. Raises ConfigInvalid."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: what is older must not be used
    context.set_alpn_protocols(["http/1.1"])
    # Every connection shakes hands anew: a session that is resumed brings back a client certificate without
    # looking whether its authority is still trusted, or the certificate still young enough.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    _load(context, settings)
    context.verify_mode = _DEMANDS[settings.client_certificate]
    return context


def _load(context: ssl.SSLContext, settings: ListenTls) -> None:
    try:
        # Without a password, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
    except (ssl.SSLError, ValueError):
        problem = "is no PEM certificate with its unencrypted key in key_file"
        raise ConfigInvalid([f"{SETTING}.cert_file: {settings.cert_file}: {problem}"]) from None
    except OSError as error:
        raise _unreadable("cert_file", settings.cert_file, error) from None
    if settings.client_ca_file is None:
        return
    try:
        context.load_verify_locations(settings.client_ca_file)
    except ssl.SSLError:
        problem = "is no PEM certificate of an authority"
        raise ConfigInvalid([f"{SETTING}.client_ca_file: {settings.client_ca_file}: {problem}"]) from None
    except OSError as error:
        raise _unreadable("client_ca_file", settings.client_ca_file, error) from None


def _no_password() -> str:
    raise ValueError


def _unreadable(key: str, path: Path, error: OSError) -> ConfigInvalid:
    return ConfigInvalid([f"{SETTING}.{key}: {path}: {error.strerror or 'cannot be read'}"])
