"""Certificates for tests, made by openssl."""

import subprocess
from pathlib import Path


def certificate(directory: Path, host: str, days: int) -> Path:
    """A certificate that signs itself, and its key, in one file; it has expired where `days` is below 0."""
    file = directory / f"{host}{days}.pem"
    asked = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}"]
    names = ["-addext", f"subjectAltName=DNS:{host}", "-keyout", str(file), "-out", f"{file}.csr"]
    subprocess.run([*asked, *names], check=True, capture_output=True)
    signed = ["openssl", "x509", "-req", "-in", f"{file}.csr", "-signkey", str(file), "-days", str(days)]
    subprocess.run([*signed, "-copy_extensions", "copyall", "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file
