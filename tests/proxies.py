"""What stands between a company and the internet: a proxy that opens tunnels, and certificates of nobody's making."""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class ConnectProxy:
    """Every tunnel leads to `target`, a port on loopback, as if that were the host that was asked for."""

    target: int
    # "user:password"; empty: anybody may.
    wants: str = ""
    # Answers every CONNECT with this instead.
    status: int = 0
    port: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def connect_proxy(target: int, *, tls: ssl.SSLContext | None = None, **fields: str | int) -> Iterator[ConnectProxy]:
    proxy = ConnectProxy(target, **fields)
    listener = socket.create_server(("127.0.0.1", 0))
    proxy.port = listener.getsockname()[1]

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            _tunnel(proxy, connection if tls is None else tls.wrap_socket(connection, server_side=True))

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield proxy
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _tunnel(proxy: ConnectProxy, client: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        if not (more := client.recv(1)):
            return
        head += more
    first, *lines = head.decode().split("\r\n")
    proxy.asked.append(first.rpartition(" ")[0])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    expected = "Basic " + base64.b64encode(proxy.wants.encode()).decode()
    status = proxy.status or (407 if proxy.wants and headers.get("proxy-authorization") != expected else 200)
    client.sendall(f"HTTP/1.1 {status} As said\r\n{'' if status == 200 else 'Content-Length: 0'}\r\n\r\n".encode())
    if status != 200:
        client.close()
        return
    server = socket.create_connection(("127.0.0.1", proxy.target))
    back = threading.Thread(target=_pipe, args=(server, client), daemon=True)
    back.start()
    _pipe(client, server)


def _pipe(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Authority:
    """`ca_file` is what clients trust; `server` is a context for servers of `models.example` and of loopback."""

    ca_file: Path
    server: ssl.SSLContext


def throwaway_authority(folder: Path) -> Authority:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Throwaway CA")])
    ca = _signed(issuer, issuer, ca_key, ca_key, x509.BasicConstraints(ca=True, path_length=None))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "models.example")])
    names = [x509.DNSName("models.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = _signed(subject, issuer, key, ca_key, x509.SubjectAlternativeName(names))
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return Authority(folder / "ca.pem", server)


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(extension, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )
