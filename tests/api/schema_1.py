"""The data folder as the first release wrote it (schema 1): ``python schema_1.py DIR`` makes one.

Frozen: the tables as that release created them, images in the clear under their hash, whole reports in the clear. It
imports nothing of the service, so that what it makes stays as it was whatever becomes of the code.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from pathlib import Path

TABLES = """
CREATE TABLE screenings (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id VARCHAR(64) NOT NULL,
    created DATETIME NOT NULL,
    level VARCHAR(16) NOT NULL,
    made INTEGER NOT NULL,
    not_possible INTEGER NOT NULL,
    report TEXT NOT NULL,
    images_digest VARCHAR(64) NOT NULL,
    key_digest BLOB,
    UNIQUE (id),
    UNIQUE (key_digest)
);
CREATE TABLE images (
    number INTEGER NOT NULL,
    screening_number INTEGER NOT NULL,
    page INTEGER NOT NULL,
    light VARCHAR(16) NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    media_type VARCHAR(64) NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (number),
    UNIQUE (screening_number, page, light),
    FOREIGN KEY(screening_number) REFERENCES screenings (number)
);
CREATE INDEX ix_images_sha256 ON images (sha256);
CREATE INDEX ix_images_screening_number ON images (screening_number);
CREATE TABLE probe (number INTEGER NOT NULL, written DATETIME NOT NULL, PRIMARY KEY (number));
PRAGMA application_id=1145128517;
PRAGMA user_version=1;
"""

#: id, level, age in days, contents of the images in visible and infrared light
SCREENINGS = [
    ("cleared-0000000000000000", "no_anomaly", 0, b"visible of the first", b"infrared of the first"),
    ("looked-00000000000000000", "look", 1, b"visible shared by two", b"infrared of the second"),
    ("referred-000000000000000", "refer", 40, b"visible shared by two", b"infrared of the third"),
]


def make(folder: Path, report: str = '{"name": "MUSTERFRAU"}') -> None:
    blobs = folder / "blobs"
    for part in ("incoming", "unfinished", "quarantine"):
        (blobs / part).mkdir(parents=True)
    database = sqlite3.connect(folder / "dafec.sqlite3")
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(TABLES)
    for number, (name, level, days, *images) in enumerate(SCREENINGS, 1):
        created = database.execute("SELECT strftime('%Y-%m-%d %H:%M:%f000', 'now', ?)", (f"-{days} days",)).fetchone()[
            0
        ]
        key = hashlib.sha256(name.encode()).digest()
        row = (number, name, created, level, 3, 1, report.replace("MUSTERFRAU", f"MUSTERFRAU {number}"), "0" * 64, key)
        database.execute("INSERT INTO screenings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        for light, data in zip(("visible", "ir"), images, strict=True):
            sha256 = hashlib.sha256(data).hexdigest()
            database.execute(
                "INSERT INTO images (screening_number, page, light, sha256, media_type, size_bytes) "
                "VALUES (?, 0, ?, ?, 'image/png', ?)",
                (number, light, sha256, len(data)),
            )
            file = blobs / sha256[:2] / sha256
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(data)
    database.commit()
    database.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
