"""The tables. A change here goes with a migration in ``migrations/versions``; a test compares the two.

Times are UTC without zone. Personal data stand in two columns only: ``screenings.sealed_report`` and, where an older
DAFEC wrote the row and it is not sealed yet, ``screenings.report``.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

if TYPE_CHECKING:
    from api.store.arrival_models import Completion

__all__ = ["AuditEntry", "AuditHead", "AuditNode", "Base", "CaseKey", "Image", "Probe", "Screening", "UsedKey"]


class Base(DeclarativeBase):
    """Base of every table."""


class Screening(Base):
    """One acknowledged screening."""

    __tablename__ = "screenings"

    number: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=True
    )  # order of arrival; never leaves the store
    id: Mapped[str] = mapped_column(String(64), unique=True)  # random; what callers know
    created: Mapped[datetime]
    level: Mapped[str] = mapped_column(String(16))
    made: Mapped[int]
    not_possible: Mapped[int]
    report: Mapped[str] = mapped_column(Text)  # JSON without personal data, once the screening is sealed
    images_digest: Mapped[str] = mapped_column(String(64), index=True)  # over lights and contents
    key_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)  # SHA-256 of the Idempotency-Key
    sealed_report: Mapped[bytes | None] = mapped_column(LargeBinary)  # JSON as acknowledged, under the case key
    held: Mapped[bool] = mapped_column(default=False, server_default=false())  # kept until released
    released: Mapped[datetime | None]  # when a hold was lifted
    deleted: Mapped[datetime | None]  # when the case key was destroyed
    desk: Mapped[str | None] = mapped_column(String(32), index=True)  # id of the desk it was made at
    made_by: Mapped[str] = mapped_column(String(96), default="", server_default="")  # as the audit log names people
    specimen: Mapped[bool] = mapped_column(default=False, server_default=false())  # the document says that it is one
    origin: Mapped[str] = mapped_column(String(16), default="unknown", server_default="unknown")  # live, recorded
    completion: Mapped[Completion | None] = relationship(lazy="selectin", viewonly=True)
    images: Mapped[list[Image]] = relationship(back_populates="screening", lazy="selectin", order_by="Image.number")

    __table_args__ = (Index("ix_screenings_retention", "deleted", "created"), {"sqlite_autoincrement": True})


class CaseKey(Base):
    """The key of one screening, wrapped by a master key. Without this row nothing of the screening can be decrypted."""

    __tablename__ = "case_keys"

    screening_number: Mapped[int] = mapped_column(
        ForeignKey("screenings.number"), primary_key=True, autoincrement=False
    )
    master: Mapped[str] = mapped_column(String(16), index=True)  # id of the master key
    wrapped: Mapped[bytes] = mapped_column(LargeBinary(128))


class UsedKey(Base):
    """A key outside the data that was ever used: a master key, or one that signs heads of the audit log."""

    __tablename__ = "used_keys"

    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # master, audit
    id: Mapped[str] = mapped_column(String(64), unique=True)
    first_used: Mapped[datetime]


class Image(Base):
    """One image of a screening; its bytes lie beside the database."""

    __tablename__ = "images"

    number: Mapped[int] = mapped_column(primary_key=True)
    screening_number: Mapped[int] = mapped_column(ForeignKey("screenings.number"), index=True)
    page: Mapped[int]
    light: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64), index=True)  # of the image as handed in
    media_type: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]  # of the image as handed in
    blob: Mapped[str | None] = mapped_column(String(64), index=True)  # SHA-256 of what is stored; null: removed
    sealed: Mapped[bool] = mapped_column(default=False, server_default=false())  # encrypted under the case key
    screening: Mapped[Screening] = relationship(back_populates="images")

    __table_args__ = (UniqueConstraint("screening_number", "page", "light"),)


class AuditEntry(Base):
    """One entry of the audit log; never changed, never deleted."""

    __tablename__ = "audit_entries"

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 0-based, without gaps
    leaf: Mapped[bytes] = mapped_column(LargeBinary(32))
    entry: Mapped[str] = mapped_column(Text)  # canonical JSON


class AuditNode(Base):
    """One complete inner node of the audit log's tree."""

    __tablename__ = "audit_nodes"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditHead(Base):
    """One signed head of the audit log."""

    __tablename__ = "audit_heads"

    number: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(index=True)
    head: Mapped[str] = mapped_column(Text)  # JSON


class Probe(Base):
    """One row that is written to find out whether writing works."""

    __tablename__ = "probe"

    number: Mapped[int] = mapped_column(primary_key=True)
    written: Mapped[datetime]
