"""TLS with the made authority or given files, and what the first start says; a real process on a real socket."""

from __future__ import annotations

import http.client
import json
import re
import signal
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from service_process import FAKE, Service

from api.security.tls import TlsFiles, own_certificate, server_context
from api.settings import load_settings
from dafec.errors import InstallationError, UsageError

NAMES = ["127.0.0.1", "localhost", "desk.airport.example"]


@contextmanager
def started(data: Path, **environment: str) -> Iterator[Service]:
    service = Service([*FAKE, "0", str(data)], environment)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.communicate(timeout=60)
        service.errors.close()


def rest_of(service: Service) -> str:
    """What was printed after the address; ends the service."""
    service.process.send_signal(signal.SIGTERM)
    assert service.process.stdout is not None
    return service.process.stdout.read()


def connect(url: str, context: ssl.SSLContext) -> tuple[http.client.HTTPResponse, dict[str, object]]:
    place = urlsplit(url)
    connection = http.client.HTTPSConnection("localhost", place.port, context=context, timeout=20)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer, body


def trusting(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_handshake_with_the_made_authority_and_with_no_other(tmp_path: Path) -> None:
    with started(tmp_path / "data", DAFEC_SERVICE_TLS="own", DAFEC_SERVICE_ACCESS="locked") as service:
        assert service.url.startswith("https://127.0.0.1:"), service.said()
        authority = tmp_path / "data-keys" / "tls" / "authority.pem"
        answer, body = connect(service.url, trusting(authority))
        assert body == {"status": "alive"}
        assert answer.getheader("strict-transport-security") == "max-age=31536000"
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(service.url, ssl.create_default_context())
        old = trusting(authority)
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLS"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(service.url, old)
        said = rest_of(service)
    (once,) = set(re.findall(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}", said))
    assert said.count(once) == 2  # in both languages, at the first start
    assert str(authority) in said
    assert once not in (tmp_path / "data" / "dafec.sqlite3").read_bytes().decode("latin-1")
    with started(tmp_path / "data", DAFEC_SERVICE_TLS="own", DAFEC_SERVICE_ACCESS="locked") as again:
        said = rest_of(again)
        assert once not in said + again.said()
        assert "administrator" not in said


def test_key_files_are_for_their_owner_and_stay(tmp_path: Path) -> None:
    files = own_certificate(tmp_path / "tls", NAMES)
    for name in ("authority.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) == 0o600
    before = {file.name: file.read_bytes() for file in (tmp_path / "tls").iterdir()}
    assert own_certificate(tmp_path / "tls", reversed(NAMES)) == files
    assert {file.name: file.read_bytes() for file in (tmp_path / "tls").iterdir()} == before


def test_certificate_says_what_it_is(tmp_path: Path) -> None:
    files = own_certificate(tmp_path / "tls", NAMES)
    assert files.authority is not None
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    found = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    found.verify_directly_issued_by(authority)
    spoken = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(spoken.get_values_for_type(x509.DNSName)) == {"localhost", "desk.airport.example"}
    assert [str(a) for a in spoken.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert found.not_valid_after_utc - found.not_valid_before_utc <= timedelta(days=398)


def test_certificate_is_renewed_in_time_and_for_other_names(tmp_path: Path) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    files = own_certificate(tmp_path / "tls", NAMES, now)
    assert files.authority is not None
    first, authority = files.certificate.read_bytes(), files.authority.read_bytes()
    own_certificate(tmp_path / "tls", NAMES, now + timedelta(days=300))
    assert files.certificate.read_bytes() == first
    own_certificate(tmp_path / "tls", NAMES, now + timedelta(days=370))
    second = files.certificate.read_bytes()
    assert second != first
    own_certificate(tmp_path / "tls", [*NAMES, "10.0.0.5"], now + timedelta(days=370))
    assert files.certificate.read_bytes() != second
    assert files.authority.read_bytes() == authority  # the desks need nothing new


def test_given_files(tmp_path: Path) -> None:
    own = own_certificate(tmp_path / "tls", NAMES)
    assert server_context(TlsFiles(own.certificate, own.key)).minimum_version is ssl.TLSVersion.TLSv1_2
    other = own_certificate(tmp_path / "other", NAMES)
    for files in (
        TlsFiles(own.certificate, other.key),  # do not belong together
        TlsFiles(tmp_path / "absent.pem", own.key),
        TlsFiles(own.key, own.key),
    ):
        with pytest.raises(UsageError) as refused:
            server_context(files)
        assert refused.value.code == "serve.tls_unusable"


def test_damaged_files_of_the_authority_are_told(tmp_path: Path) -> None:
    own_certificate(tmp_path / "tls", NAMES)
    (tmp_path / "tls" / "authority.key").write_text("no key")
    with pytest.raises(InstallationError) as refused:
        own_certificate(tmp_path / "tls", NAMES)
    assert refused.value.code == "keys.unusable"


def test_beyond_this_computer_there_is_no_service_without_tls() -> None:
    assert load_settings(host="0.0.0.0", allow_network=True).tls_mode() == "own"
    assert load_settings().tls_mode() == "off"
    with pytest.raises(UsageError) as refused:
        load_settings(host="0.0.0.0", allow_network=True, tls="off")
    assert refused.value.code == "serve.tls_needed"
    with pytest.raises(UsageError) as refused:
        load_settings(tls="files")
    assert refused.value.code == "serve.tls_files_needed"
    for host in ("0.0.0.0", "10.0.0.1", "desk.airport.example"):
        settings = load_settings(host=host, allow_network=True)
        assert settings.secure()
        assert not settings.may_be_open()


def test_handshake_with_given_files(tmp_path: Path) -> None:
    own = own_certificate(tmp_path / "tls", NAMES)
    assert own.authority is not None
    given = {"DAFEC_SERVICE_TLS_CERTIFICATE": str(own.certificate), "DAFEC_SERVICE_TLS_KEY": str(own.key)}
    with started(tmp_path / "data", DAFEC_SERVICE_TLS="files", **given) as service:
        assert service.url.startswith("https://"), service.said()
        assert connect(service.url, trusting(own.authority))[1] == {"status": "alive"}
