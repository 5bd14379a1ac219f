"""The tables. ``SCHEMA_VERSION`` is raised with every change, together with a migration from the version before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "Base", "Image", "Probe", "Screening"]

#: Kept in ``PRAGMA user_version``; a database with a higher one was written by a newer DAFEC and is refused.
SCHEMA_VERSION = 1

#: Kept in ``PRAGMA application_id``: "DAFE" in ASCII, so that another program's database is not taken for ours.
APPLICATION_ID = 0x44414645


class Base(DeclarativeBase):
    """Base of every table."""


class Screening(Base):
    """One acknowledged screening."""

    __tablename__ = "screenings"

    number: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=True
    )  # order of arrival; never leaves the store
    id: Mapped[str] = mapped_column(String(64), unique=True)  # random; what callers know
    created: Mapped[datetime]  # UTC, without zone
    level: Mapped[str] = mapped_column(String(16))
    made: Mapped[int]
    not_possible: Mapped[int]
    report: Mapped[str] = mapped_column(Text)  # the JSON as it was acknowledged
    images_digest: Mapped[str] = mapped_column(String(64))  # over lights and contents
    key_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)  # SHA-256 of the Idempotency-Key
    images: Mapped[list[Image]] = relationship(back_populates="screening", lazy="selectin", order_by="Image.number")

    __table_args__ = ({"sqlite_autoincrement": True},)


class Image(Base):
    """One image of a screening; its bytes lie beside the database under their hash."""

    __tablename__ = "images"

    number: Mapped[int] = mapped_column(primary_key=True)
    screening_number: Mapped[int] = mapped_column(ForeignKey("screenings.number"), index=True)
    page: Mapped[int]
    light: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    media_type: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    screening: Mapped[Screening] = relationship(back_populates="images")

    __table_args__ = (UniqueConstraint("screening_number", "page", "light"),)


class Probe(Base):
    """One row that is written to find out whether writing works."""

    __tablename__ = "probe"

    number: Mapped[int] = mapped_column(primary_key=True)
    written: Mapped[datetime]
