"""Writes what a bundle consists of as CycloneDX 1.6 (JSON): every wheel, script and model, with licence and digest.

    python packaging/make_sbom.py OUT          OUT: the bundle's folder; writes OUT/sbom.cdx.json

Everything is read from the wheels themselves, which are what is installed: their metadata, and within DAFEC's own the
list of the pages' scripts and the manifest of the models. Needs the standard library alone. The same wheels give the
same bytes: the serial number is made of them, and the time is the newest of theirs.
"""

from __future__ import annotations

import base64
import email
import hashlib
import json
import re
import sys
import tomllib
import uuid
import zipfile
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

_SCRIPTS = "api/viewer/third_party.toml"
_MODELS = "dafec/models/manifest.json"
#: What OSI classifiers call licences, where a package states no SPDX expression.
_CLASSIFIED = "License :: OSI Approved :: "


def normal_name(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wheel_metadata(wheel: zipfile.ZipFile) -> Message:
    """The METADATA of a wheel."""
    (name,) = (name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
    return email.message_from_bytes(wheel.read(name))


def licences(metadata: Message) -> list[dict[str, Any]]:
    """Licences as CycloneDX has them: an SPDX expression, or what the package says in words."""
    expression = metadata.get("License-Expression")
    if expression:
        return [{"expression": str(expression)}]
    named = [str(c)[len(_CLASSIFIED) :] for c in metadata.get_all("Classifier", []) if str(c).startswith(_CLASSIFIED)]
    stated = str(metadata.get("License") or "").strip()
    if not named and stated and "\n" not in stated and len(stated) < 100:
        named = [stated]
    return [{"license": {"name": name}} for name in named]


def wheel_component(file: Path) -> tuple[dict[str, Any], list[str]]:
    """The component of a wheel, and the names of the packages it asks for."""
    with zipfile.ZipFile(file) as wheel:
        metadata = wheel_metadata(wheel)
    name, version = normal_name(str(metadata["Name"])), str(metadata["Version"])
    component: dict[str, Any] = {
        "type": "application" if name == "dafec" else "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}],
    }
    if found := licences(metadata):
        component["licenses"] = found
    if summary := metadata.get("Summary"):
        component["description"] = str(summary)
    wanted = [re.match(r"[A-Za-z0-9._-]+", str(one)) for one in metadata.get_all("Requires-Dist", [])]
    return component, sorted({normal_name(match[0]) for match in wanted if match})


def shipped_components(wheel: Path) -> list[dict[str, Any]]:
    """The scripts and models within DAFEC's own wheel."""
    found: list[dict[str, Any]] = []
    with zipfile.ZipFile(wheel) as opened:
        for package in tomllib.loads(opened.read(_SCRIPTS).decode())["package"]:
            digest = package["integrity"].removeprefix("sha512-")
            ref = f"pkg:npm/{package['name']}@{package['version']}"
            found.append(
                {
                    "type": "library",
                    "bom-ref": ref,
                    "name": package["name"],
                    "version": package["version"],
                    "purl": ref,
                    "licenses": [{"license": {"name": package["licence"]}}],
                    "hashes": [{"alg": "SHA-512", "content": _hexadecimal(digest)}],
                }
            )
        for model in json.loads(opened.read(_MODELS))["models"]:
            found.append(
                {
                    "type": "machine-learning-model",
                    "bom-ref": f"model:{model['name']}@{model['sha256'][:16]}",
                    "name": model["name"],
                    "version": model["sha256"][:16],
                    "description": model["data"],
                    "licenses": [{"license": {"name": model["licence"]}}],
                    "hashes": [{"alg": "SHA-256", "content": model["sha256"]}],
                }
            )
    return found


def _hexadecimal(base64_digest: str) -> str:
    return base64.b64decode(base64_digest).hex()


def bill_of(bundle: Path) -> dict[str, Any]:
    """The whole bill of materials of a bundle's folder."""
    wheels = sorted((bundle / "wheels").glob("*.whl"))
    read = {}
    for file in wheels:
        component, wanted = wheel_component(file)
        read[component["name"]] = (component, wanted, file)
    own, own_wants, own_file = read["dafec"]
    shipped = shipped_components(own_file)
    components = [component for name, (component, _, _) in sorted(read.items()) if name != "dafec"] + shipped
    dependencies = [
        {
            "ref": component["bom-ref"],
            "dependsOn": [read[one][0]["bom-ref"] for one in wanted if one in read and one != name],
        }
        for name, (component, wanted, _) in sorted(read.items())
        if name != "dafec"
    ]
    needed = [read[one][0]["bom-ref"] for one in own_wants if one in read and one != "dafec"]
    dependencies.insert(0, {"ref": own["bom-ref"], "dependsOn": needed + [one["bom-ref"] for one in shipped]})
    content = json.dumps([own, components, dependencies], sort_keys=True)
    newest = max(_newest(file) for file in wheels)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
        "version": 1,
        "metadata": {"timestamp": newest.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": own},
        "components": components,
        "dependencies": dependencies,
    }


def _newest(file: Path) -> datetime:
    with zipfile.ZipFile(file) as wheel:
        return max(datetime(*entry.date_time, tzinfo=UTC) for entry in wheel.infolist())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    bill = bill_of(folder)
    (folder / "sbom.cdx.json").write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{folder / 'sbom.cdx.json'}: {len(bill['components']) + 1} components\n")
