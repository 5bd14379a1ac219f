"""Settings of the service: name, default, help. They enter once, at the top; nothing deeper reads them by itself.

Each comes from the command line, else from the environment variable ``DAFEC_SERVICE_<NAME>``, else from the file of
settings that ``config`` names, else from its default. A variable with that prefix, or a name in the file, that names no
setting is refused: a misspelt limit must not be a limit that is not there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.scanners.config import ScannerConfig
from api.settings_file import merged_settings
from api.store.places import StorePlaces
from api.store.retention import RetentionPolicy
from dafec.errors import UsageError

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "is_loopback", "load_settings"]

ENVIRONMENT_PREFIX = "DAFEC_SERVICE_"
_MIB = 1024 * 1024


class Settings(BaseSettings):
    """Everything that can be set about the service."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen at; another than this machine needs allow_network.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    data: Path = Field(Path("data"), description="Folder of the database and the images; made where it is missing.")
    database: str | None = Field(
        None,
        repr=False,
        description="Address of a PostgreSQL database, postgresql://user:password@host/name; without one SQLite in the "
        "data folder.",
    )
    blobs: str | None = Field(
        None,
        description="Where the encrypted images go, s3://bucket/prefix?endpoint=https://host; without it into the data "
        "folder. The credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    )
    keys: Path | None = Field(
        None,
        description="Folder of the keys, outside the data folder; without it beside that, named DATA-keys. Without "
        "these files no image can be read: keep a copy in a safe place.",
    )
    library: Path | None = Field(
        None,
        description="Folder of the document series a screening compares with, read anew when it changes; without it "
        "the folder library in the data folder, which may be missing.",
    )
    complete_pass: bool = Field(
        default=True,
        description="Make a second, complete report of every screening, with the text of the page read and compared; "
        "it follows the first one within seconds and takes its place.",
    )
    new_key: bool = Field(
        default=False,
        description="Go on with a new master key though the one of a shared database is not here; for the case that "
        "it is lost on every machine.",
    )
    keep_cleared_hours: float = Field(
        24.0,
        ge=0,
        description="Hours that images and personal data are kept of a document without a finding, or of one "
        "that was released from a hold.",
    )
    keep_open_hours: float = Field(
        720.0,
        ge=0,
        description="Hours that images and personal data are kept where the verdict was look or not checked.",
    )
    keep_held_days: float = Field(
        1825.0,
        ge=0,
        description="Days that images and personal data are kept under hold; what is referred is held at once.",
    )
    upkeep_interval_s: float = Field(
        60.0, gt=0, description="Time between two rounds of forgetting, clearing up and signing the audit log."
    )
    own_view_first: bool = Field(
        default=False, description="Record every examiner's own view of a case before scores are shown."
    )
    allow_network: bool = Field(
        default=False, description="Listen beyond this machine; everybody needs a login or a desk's key, over TLS."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Names this service may be called by, besides localhost and its own address."
    )
    access: Literal["open-on-loopback", "locked"] = Field(
        "open-on-loopback",
        description="open-on-loopback: everybody at this computer may try everything, without a login, as long as the "
        "service listens to this computer only and there is no user; locked: never.",
    )
    second_factor: Literal["required", "optional"] = Field(
        "required", description="Whether every user sets up a second factor before anything else is open."
    )
    session_idle_minutes: float = Field(30.0, gt=0, description="A session ends when nothing came for so long.")
    session_absolute_hours: float = Field(12.0, gt=0, description="A session ends after so long, whatever comes.")
    breached_passwords: Path | None = Field(
        None, description="Offline list of breached passwords, lines SHA1:count sorted by hash; none of them is taken."
    )
    requests_per_minute: int = Field(
        1200, ge=0, description="Requests one user, desk or unknown address may make; 0 does not limit."
    )
    tls: Literal["auto", "off", "own", "files", "proxy"] = Field(
        "auto",
        description="own: with a certificate of a private authority that is made in the folder of keys; files: with "
        "tls_certificate and tls_key; proxy: a proxy before the service does it; off: none, for this computer only; "
        "auto: off on this computer, own beyond.",
    )
    tls_certificate: Path | None = Field(None, description="Certificate and its chain, PEM.")
    tls_key: Path | None = Field(None, description="Private key of the certificate, PEM.")
    proxies: tuple[str, ...] = Field(
        (), description="Addresses of proxies whose word is taken for where a request comes from."
    )
    config: Path | None = Field(
        None, description="File of settings in TOML, by their names here; what is set elsewhere goes before it."
    )
    metrics_file: Path | None = Field(
        None,
        description="File the figures of /metrics are written to every 15 seconds, for a collector at this computer "
        "(node_exporter's textfile); so no collector needs a login.",
    )
    scanners: tuple[ScannerConfig, ...] = Field(
        (), description="Scanners that are attached, each a table [[scanners]] in the file of settings."
    )
    refuse_recorded: tuple[str, ...] = Field(
        (), description="Desks, by id or name, that take no image but one their scanner takes at the moment; * is all."
    )
    centre: str | None = Field(
        None,
        description="Address of the centre's service, https://dafec.centre; every screening of this desk is passed on "
        "to it, in order and once; while it is away the desk goes on and delivers later.",
    )
    centre_key: Path | None = Field(None, description="File with the key the centre gave this desk.")
    centre_authority: Path | None = Field(
        None, description="Certificate of who issued the centre's, PEM, where it is a private one."
    )
    workers: int = Field(2, ge=1, le=64, description="Screenings at the same time.")
    queue_size: int = Field(16, ge=0, le=10_000, description="Screenings that may wait; more are answered with 503.")
    threads: int = Field(1, ge=1, le=64, description="Threads within one model.")
    max_image_bytes: int = Field(96 * _MIB, ge=1024, description="Largest image that is taken.")
    max_request_bytes: int = Field(
        200 * _MIB, ge=1024, description="Largest upload that is taken, all lights together."
    )
    max_pending_bytes: int = Field(
        320 * _MIB, ge=1024, description="Bytes of all uploads in memory at once; more are answered with 503."
    )
    upload_timeout_s: float = Field(60.0, gt=0, description="Time an upload may take.")
    screening_timeout_s: float = Field(60.0, gt=0, description="Time an answer may take once the upload is there.")
    stop_timeout_s: int = Field(30, ge=1, description="Time that running screenings get when the service is stopped.")
    lock_timeout_s: float = Field(5.0, ge=0, description="Time a write waits for the database.")
    min_free_bytes: int = Field(
        512 * _MIB, ge=0, description="Free disk space below which the service is not ready and takes no screening."
    )

    def store_places(self) -> StorePlaces:
        """Where the store's parts lie."""
        return StorePlaces(self.data, self.database, self.blobs, self.keys, self.new_key)

    def library_folder(self) -> Path:
        """Where the document series lie."""
        return self.library if self.library is not None else self.data / "library"

    def retention(self) -> RetentionPolicy:
        """How long what is kept."""
        return RetentionPolicy(
            timedelta(hours=self.keep_cleared_hours),
            timedelta(hours=self.keep_open_hours),
            timedelta(days=self.keep_held_days),
        )

    def tls_mode(self) -> Literal["off", "own", "files", "proxy"]:
        """How connections are encrypted."""
        if self.tls == "auto":
            return "off" if is_loopback(self.host) else "own"
        return self.tls

    def secure(self) -> bool:
        """Whether browsers reach the service over TLS."""
        return self.tls_mode() != "off"

    def may_be_open(self) -> bool:
        """Whether the service may be tried out without a login as long as there is no user."""
        return self.access == "open-on-loopback" and is_loopback(self.host) and self.tls_mode() != "proxy"

    def session_idle(self) -> timedelta:
        """After which pause a session ends."""
        return timedelta(minutes=self.session_idle_minutes)

    def session_absolute(self) -> timedelta:
        """After which time a session ends, whatever comes."""
        return timedelta(hours=self.session_absolute_hours)

    def host_names(self) -> frozenset[str]:
        """Host names, lower case and without port, that requests may carry."""
        own = {"localhost", "127.0.0.1", "::1", *(name.lower() for name in self.allowed_hosts)}
        return frozenset(own | ({self.host.lower()} if self.host not in {"0.0.0.0", "::"} else set()))


def is_loopback(host: str) -> bool:
    """Whether ``host`` reaches nobody beyond this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {f"{ENVIRONMENT_PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in environment:
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in known:
            raise UsageError("settings.unknown", name=name)


def load_settings(**given: Any) -> Settings:
    """The settings of this process.

    Args:
        **given: what the command line says; a value of None counts as not said.

    Returns:
        The validated settings.

    Raises:
        UsageError: ``settings.unknown``, ``settings.invalid``, ``settings.file_unreadable``, ``settings.file_invalid``;
            ``serve.network_refused`` for a host beyond this machine without ``allow_network``, ``serve.tls_needed``
            for one without TLS, ``serve.tls_files_needed``.
    """
    _refuse_unknown_variables(os.environ)
    values, _ = merged_settings(given, os.environ, ENVIRONMENT_PREFIX, Settings.model_fields)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise UsageError("settings.invalid", name=name, reason=first["msg"]) from error
    if not settings.allow_network and not is_loopback(settings.host):
        raise UsageError("serve.network_refused", host=settings.host)
    if not is_loopback(settings.host) and settings.tls_mode() == "off":
        raise UsageError("serve.tls_needed", host=settings.host)
    if settings.centre is not None and settings.centre_key is None:
        raise UsageError("forwarding.key_needed")
    if settings.tls_mode() == "files" and None in (settings.tls_certificate, settings.tls_key):
        raise UsageError("serve.tls_files_needed")
    return settings
