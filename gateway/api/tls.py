"""TLS for the planes: version 1.2 at least, HTTP/1.1 only."""

import ssl
from pathlib import Path


class CertificateError(Exception):
    """The certificate or its key cannot be used."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS with a certificate (and those that vouch for it) and its key, both PEM files. Raises CertificateError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for path in (certificate, key):
        if not path.is_file():
            raise CertificateError(f"there is no file {str(path)!r}; see SIZEWISE_TLS_CERTIFICATE and SIZEWISE_TLS_KEY")
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise CertificateError(
            f"{str(certificate)!r} and {str(key)!r} are no certificate and its key, both PEM and the key not encrypted:"
            f" {getattr(exc, 'reason', None) or exc}"
        ) from exc
    return context
