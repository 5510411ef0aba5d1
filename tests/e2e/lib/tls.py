# SPDX-License-Identifier: Apache-2.0
"""Certificates, and clients that trust them."""

import shutil
import ssl
import subprocess

OPENSSL_SECONDS = 60


def available():
    """Is there what makes certificates?"""
    return shutil.which("openssl") is not None


def certificate(bed, name, *names):
    """A self-signed certificate for 127.0.0.1 and other subjectAltNames: (certificate, key)."""
    cert, key = bed.path(f"{name}.pem"), bed.path(f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=" + ",".join(("IP:127.0.0.1", *names))], check=True, capture_output=True,
                   timeout=OPENSSL_SECONDS)
    return cert, key


def context(cert, client=None):
    """A TLS client that trusts one certificate."""
    made = ssl.create_default_context(cafile=cert)
    if client:
        made.load_cert_chain(*client)
    return made
