"""A small certificate authority, for tests of TLS over loopback."""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Files:
    certificate: Path
    key: Path


class Authority:
    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._certificate = self._sign(
            self._name, self._key, x509.BasicConstraints(ca=True, path_length=None)
        )

    def file(self, folder: Path) -> Path:
        """Its own certificate."""
        path = folder / "authority.pem"
        path.write_bytes(_pem(self._certificate))
        return path

    def files(
        self,
        folder: Path,
        name: str,
        *,
        hosts: tuple[str, ...] = ("localhost",),
        uris: tuple[str, ...] = (),
        until: datetime.timedelta = DAY,
        passphrase: bytes = b"",
    ) -> Files:
        """A certificate for a server with these names, or for a client. `until`: from now; it may be over."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [*map(_host, hosts), *map(x509.UniformResourceIdentifier, uris)]
        certificate = self._sign(_name(name), key, x509.SubjectAlternativeName(names), until)
        files = Files(folder / f"{name}.pem", folder / f"{name}.key")
        files.certificate.write_bytes(_pem(certificate))
        hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            hidden = serialization.BestAvailableEncryption(passphrase)
        files.key.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
        )
        return files

    def server(
        self, folder: Path, *, hosts: tuple[str, ...] = ("localhost",), ask: bool = False
    ) -> ssl.SSLContext:
        """`ask`: for a client's certificate, signed by this authority."""
        files = self.files(folder, "server", hosts=hosts)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        if ask:
            context.load_verify_locations(self.file(folder))
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        until: datetime.timedelta = DAY,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + until)
            .add_extension(extension, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
