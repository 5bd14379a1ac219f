"""The offline bundle: made, installed with the network off, and used; and the unit that runs it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from api.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
#: Without pip's settings of this computer: they name places the bundle must not need.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "DAFEC_"))}


def no_network() -> list[str]:
    """What runs a command without any network; empty where this account may not."""
    command = ["unshare", "--map-root-user", "--net"]
    allowed = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if allowed and allowed.returncode == 0 else []


@pytest.fixture(scope="module")
def bundle(shared: Callable[..., Path]) -> Path:
    return shared("bundle", make_bundle) / "dafec"


def make_bundle(folder: Path) -> None:
    out = folder / "dafec"
    made = subprocess.run(
        [PACKAGING / "make_bundle.sh", out],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode and "No matching distribution" in made.stderr + made.stdout:
        pytest.skip("the package registry cannot be reached, and a bundle is made of its wheels")
    assert made.returncode == 0, made.stderr[-2000:]


def install(bundle: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*no_network(), bundle / "install.sh", "--only", target],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_bundle_lists_what_it_consists_of(bundle: Path) -> None:
    bill = json.loads((bundle / "sbom.cdx.json").read_text())
    named = {component["name"] for component in bill["components"]}
    assert {"numpy", "onnxruntime", "fastapi", "cryptography", "openseadragon"} <= named
    wheels = list((bundle / "wheels").glob("*.whl"))
    assert (
        sum(str(component.get("purl", "")).startswith("pkg:pypi/") for component in bill["components"])
        == len(wheels) - 1
    )
    assert all(component.get("licenses") for component in bill["components"])


@pytest.mark.slow
def test_bundle_installs_and_screens_with_the_network_off(bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "opt dafec"  # a blank in the name, too
    for _ in range(2):  # the second time as an update
        done = install(bundle, target)
        assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(path.name for path in target.iterdir()) == ["docs", "venv"]
    command = [target / "venv" / "bin" / "python", "-m", "dafec.cli"]
    read = subprocess.run(
        [*no_network(), *command, "mrz", ROOT / "sample_docs" / "td3-arabic" / "visible.jpg", "--json"],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.returncode == 0, read.stderr[-2000:]
    samples = json.loads((ROOT / "sample_docs" / "manifest.json").read_text())["samples"]
    (truth,) = (sample["mrz"] for sample in samples if sample["id"] == "td3-arabic")
    assert json.loads(read.stdout)["zones"][0]["lines"] == truth
    with subprocess.Popen(
        [*command, "serve", "--port", "0", "--data", tmp_path / "data"],
        env={**ENVIRONMENT, "DAFEC_SERVICE_MIN_FREE_BYTES": "0"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as service:
        assert service.stdout is not None
        url = service.stdout.readline().strip().removeprefix("DAFEC: ")
        try:
            assert httpx2.get(f"{url}/readyz", timeout=30).status_code == 200
            assert "html" in httpx2.get(url, timeout=30).headers["content-type"]
        finally:
            service.terminate()


def test_bill_of_materials_names_every_wheel_script_and_model(tmp_path: Path) -> None:
    """Of a folder with two wheels: DAFEC's own, with what is shipped in it, and one it needs."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    own = "Name: dafec\nVersion: 1.2\nLicense-Expression: Apache-2.0\nRequires-Dist: Some_Thing>=1\n"
    other = "Name: Some.Thing\nVersion: 3\nClassifier: License :: OSI Approved :: BSD License\n"
    scripts, models = "api/viewer/third_party.toml", "dafec/models/manifest.json"
    write_wheel(wheels / "dafec-1.2-py3-none-any.whl", "dafec-1.2", own, scripts, models)
    write_wheel(wheels / "some_thing-3-py3-none-any.whl", "Some.Thing-3", other)
    bills = []
    for _ in range(2):
        subprocess.run([sys.executable, PACKAGING / "make_sbom.py", tmp_path], check=True, capture_output=True)
        bills.append((tmp_path / "sbom.cdx.json").read_bytes())
    assert bills[0] == bills[1]  # the same bundle, the same bytes
    bill = json.loads(bills[0])
    assert (bill["bomFormat"], bill["specVersion"], bill["metadata"]["component"]["name"]) == (
        "CycloneDX",
        "1.6",
        "dafec",
    )
    by_ref = {component["bom-ref"]: component for component in bill["components"]}
    thing = by_ref["pkg:pypi/some-thing@3"]
    digest = hashlib.sha256((wheels / "some_thing-3-py3-none-any.whl").read_bytes()).hexdigest()
    assert thing["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert thing["licenses"] == [{"license": {"name": "BSD License"}}]
    manifest = json.loads((ROOT / models).read_text())["models"]
    shipped = {one["name"]: one for one in bill["components"] if one["type"] == "machine-learning-model"}
    assert {name: one["hashes"][0]["content"] for name, one in shipped.items()} == {
        model["name"]: model["sha256"] for model in manifest
    }
    packages = tomllib.loads((ROOT / scripts).read_text())["package"]
    assert {f"pkg:npm/{package['name']}@{package['version']}" for package in packages} <= set(by_ref)
    refs = {*by_ref, bill["metadata"]["component"]["bom-ref"]}
    (needs,) = (one["dependsOn"] for one in bill["dependencies"] if one["ref"] == "pkg:pypi/dafec@1.2")
    assert "pkg:pypi/some-thing@3" in needs
    assert all({one["ref"], *one["dependsOn"]} <= refs for one in bill["dependencies"])


def write_wheel(file: Path, name: str, metadata: str, *shipped: str) -> None:
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{name}.dist-info/METADATA", metadata)
        for path in shipped:
            wheel.write(ROOT / path, path)


@pytest.mark.slow
def test_damaged_bundle_is_refused_before_anything_is_installed(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    wheel = next((copy / "wheels").glob("dafec-*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"x")
    done = install(copy, tmp_path / "opt")
    assert done.returncode != 0
    assert "damaged" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_scripts_are_valid_and_the_installed_files_are_there() -> None:
    for script in ("install.sh", "make_bundle.sh"):
        subprocess.run(["bash", "-n", PACKAGING / script], check=True)
        assert os.access(PACKAGING / script, os.X_OK)
    text = (PACKAGING / "install.sh").read_text()
    for name in ("dafec.service", "service.toml"):
        assert name in text
        assert (PACKAGING / name).is_file()


def test_settings_of_the_package_can_be_used(tmp_path: Path) -> None:
    settings = load_settings(config=PACKAGING / "service.toml")
    assert (settings.access, str(settings.data), settings.scanners) == ("locked", "/var/lib/dafec", ())
    commented = (PACKAGING / "service.toml").read_text()
    (tmp_path / "example.toml").write_text(commented[commented.index("# [[scanners]]") :].replace("# ", ""))
    (scanner,) = load_settings(config=tmp_path / "example.toml").scanners
    assert scanner.driver == "folder"


def test_unit_is_valid_and_closed() -> None:
    unit = (PACKAGING / "dafec.service").read_text()
    stop_s = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1])  # type: ignore[index]
    assert stop_s > Settings().stop_timeout_s + 30
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    path = PACKAGING / "dafec.service"
    checked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout[-500:]
    verified = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    faults = [line for line in verified.stderr.splitlines() if "is not executable" not in line and "dafec" in line]
    assert faults == []
