"""Makes the sample captures and their manifest of truths: ``python sample_docs/make.py``.

Every capture comes from ``dafec.specimens``: a series, a seed, a scanner, and for the forged ones a class and a method.
The same libraries give the same bytes. States, persons and faces are invented; nothing here is taken from a real
document.
What a sample must fail on is written here by hand, from what was done to it, not from what the checks say of it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dafec.lights import LIGHTS, Light
from dafec.specimens.forgeries import plan_forgery, start_job
from dafec.specimens.issue import issue_document
from dafec.specimens.make import make_specimen, stream_of_forgery, stream_of_issue
from dafec.specimens.plan import Request, Wear
from dafec.specimens.series import load_series

HERE = Path(__file__).parent
DATE = "2026-11-01"  # the day the truths are stated for
UV_BRIGHT = ("UV-BR-FU", "UV-BR-MR")
DIGITS = ("MRZ-digit-composite",)


@dataclass(frozen=True)
class Sample:
    """One capture to be made."""

    id: str
    about: str
    series: str
    seed: int
    scanner: str
    forgery: str | None = None
    method: str | None = None
    difficulty: float = 0.3
    wear: Wear = "none"
    lights: tuple[Light, ...] = LIGHTS
    only_page: int | None = None  # this page alone
    must_fail: tuple[str, ...] = ()  # checks that have to fail
    altered: str | None = None  # the field an altered zone has to touch; the seed is counted up until it does
    expired: bool | None = False  # whether the document has expired on DATE; None: either


SAMPLES = (
    Sample("td3-arabic", "passport, Latin and Arabic", "QMR-P-2-2022", 101, "reader-a"),
    Sample("td3-photo", "passport, photographed by hand", "QPK-PO-1-2021", 102, "phone-a", lights=("visible",)),
    Sample("td3-perforated", "polycarbonate passport, perforated number", "QSD-P-1-2020", 103, "reader-c"),
    Sample("td3-worn", "passport that has seen a lot", "QND-P-1-2017", 105, "reader-b", wear="heavy"),
    Sample(
        "td3-expired",
        "passport that has expired",
        "QMR-P-1-2014",
        106,
        "reader-d",
        must_fail=("MRZ-expiry",),
        expired=True,
    ),
    Sample("td1-card", "identity card, side with the zone", "QTL-ID-2-2025", 107, "reader-b", only_page=2),
    Sample("td1-both-sides", "residence card, both sides", "QWH-IR-1-2022", 208, "reader-e"),
    Sample("td2-card", "identity card of TD2 size", "QND-I-1-2016", 109, "reader-d"),
    Sample(
        "td2-flatbed", "identity card, anywhere on an A4 glass", "QZC-I-1-2013", 110, "flatbed-a", lights=("visible",)
    ),
    Sample(
        "mrva-visa",
        "visa, visible and infrared",
        "QPK-V-1-2019",
        111,
        "reader-b",
        lights=("visible", "ir"),
        must_fail=("MRZ-expiry",),
        expired=True,
    ),
    Sample(
        "mrvb-visa",
        "visa with a portrait, Arabic",
        "QMR-V-1-2021",
        112,
        "reader-c",
        must_fail=("MRZ-expiry",),
        expired=True,
    ),
    Sample(
        "td3-forged-paper",
        "printed by inkjet on office paper: bright under ultraviolet",
        "QMR-P-2-2022",
        121,
        "reader-a",
        "C1",
        "pigment_on_office_paper",
        must_fail=UV_BRIGHT,
    ),
    Sample("td3-toner", "printed by laser on dull paper", "QND-P-1-2017", 122, "reader-b", "C2", "laser_on_dull_paper"),
    Sample(
        "td3-imitated-uv",
        "luminescence imitated in wrong colours",
        "QSD-P-1-2020",
        123,
        "reader-e",
        "C3",
        "wrong_uv_colour",
    ),
    Sample(
        "td3-pseudo",
        "of a state that issues nothing",
        "QPK-PO-1-2021",
        124,
        "reader-a",
        "C4",
        "camouflage_state",
        must_fail=("MRZ-issuer",),
    ),
    Sample("td3-pasted-photo", "another photo pasted over", "QMR-P-2-2022", 125, "reader-b", "F1", "pasted_over", 0.1),
    Sample(
        "td3-swapped-photo", "another photo, the ghost kept", "QVL-P-2-2024", 126, "reader-e", "F2", "swap_ghost_kept"
    ),
    Sample(
        "td3-erased-data",
        "a text erased and written anew",
        "QPK-PO-1-2021",
        127,
        "reader-c",
        "F3",
        "erased_and_overprinted",
        0.1,
    ),
    Sample(
        "td3-forged-birth",
        "birth year altered in the zone",
        "QVL-P-2-2024",
        128,
        "reader-b",
        "F4",
        "character_changed",
        must_fail=("MRZ-digit-birth_date", *DIGITS),
        altered="birth_date",
    ),
    Sample(
        "td1-forged-digit",
        "birth year altered in the zone of a card",
        "QTL-ID-2-2025",
        129,
        "reader-b",
        "F4",
        "character_changed",
        only_page=2,
        must_fail=("MRZ-digit-birth_date", *DIGITS),
        altered="birth_date",
    ),
    Sample(
        "td3-forged-ink",
        "stolen blank: the zone vanishes in infrared",
        "QPK-PO-1-2021",
        131,
        "reader-a",
        "F7",
        "wrong_ink",
        must_fail=("IR-AB-MR",),
    ),
    Sample("td3-screen", "a tablet that shows a passport", "QMR-P-2-2022", 132, "reader-b", "P1", "tablet"),
    Sample("td3-grey-copy", "a grey copy of a passport", "QSD-P-1-2020", 133, "reader-b", "P2", "grey_laser_copy"),
    Sample(
        "td3-injected", "a file with a text retyped", "QND-P-1-2017", 134, "reader-c", "P3", "inpainted_and_retyped"
    ),
)


def request_of(sample: Sample) -> Request:
    """The request a sample is made by; its seed counted up until the document is as the sample says."""
    seed = sample.seed * 1000
    while not _fits(sample, seed):
        seed += 1
    return Request(
        name=sample.id,
        series=sample.series,
        seed=seed,
        forgery=sample.forgery,
        scanner=sample.scanner,
        dpi=300,
        wear=sample.wear,
        method=sample.method,
        difficulty=sample.difficulty if sample.forgery else None,
        encoder="small",
        lights=sample.lights,
    )


def _fits(sample: Sample, seed: int) -> bool:
    series = load_series(sample.series)
    issue = issue_document(series, stream_of_issue(seed))
    ends = _expiry(issue.mrz, series.format)
    if sample.expired is not None and (ends < DATE[2:].replace("-", "")) != sample.expired:
        return False
    if sample.altered is None:
        return True
    assert sample.forgery is not None
    plan = plan_forgery(sample.forgery, stream_of_forgery(seed), series=series, method=sample.method)
    job = start_job(plan, series, issue, lambda _issue, _side: (_ for _ in ()).throw(AssertionError))
    job.edit_issue(issue)
    return bool(job.notes["key"] == sample.altered)


def _expiry(mrz: tuple[str, ...], document_format: str) -> str:
    return mrz[1][8:14] if document_format == "TD1" else mrz[1][21:27]


def make(sample: Sample) -> dict[str, Any]:
    """Writes one sample and gives its entry of the manifest."""
    specimen = make_specimen(request_of(sample))
    truth = specimen.truth
    files = {name: content for name, content in specimen.files.items() if name != "truth.json"}
    if sample.only_page is not None:
        files = _page_alone(files, sample.only_page)
    single = set(files) - {"capture.toml"} == {"visible.jpg"}
    if single:
        files = {f"{sample.id}.jpg": files["visible.jpg"]}
    folder = HERE if single else HERE / sample.id
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    forgery = truth["forgery"]
    return {
        "id": sample.id,
        "path": f"{sample.id}.jpg" if single else sample.id,
        "about": sample.about,
        "kind": truth["format"],
        "series": truth["series"],
        "issuer": truth["mrz"][0][2:5].rstrip("<"),
        "scanner": truth["scanner"],
        "wear": truth["wear"]["level"],
        "lights": [light for light in LIGHTS if f"{light}.jpg" in specimen.files],
        "pages": 1 if sample.only_page else len(truth["pages"]),
        "forged": forgery is not None,
        "attack": forgery["class"] if forgery else None,
        "method": forgery["method"] if forgery else None,
        "mrz": truth["mrz"],
        "must_fail": list(sample.must_fail),
        "sha256": {
            str((folder / name).relative_to(HERE)): hashlib.sha256(content).hexdigest()
            for name, content in sorted(files.items())
            if name.endswith(".jpg")
        },
    }


def _page_alone(files: dict[str, bytes], page: int) -> dict[str, bytes]:
    """One page of a capture as a capture of its own."""
    ending = f"-{page}.jpg"
    alone = {name.replace(ending, ".jpg"): content for name, content in files.items() if name.endswith(ending)}
    return {**alone, "capture.toml": files["capture.toml"]}


def main() -> None:
    """Removes the samples that are there and makes all of them."""
    for entry in HERE.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            shutil.rmtree(entry)
        elif entry.suffix == ".jpg":
            entry.unlink()
    entries = []
    for sample in SAMPLES:
        entries.append(make(sample))
        print(sample.id, file=sys.stderr)  # noqa: T201
    manifest = {
        "date": DATE,
        "note": "Synthetic: states, persons and faces are invented. Made by sample_docs/make.py.",
        "samples": entries,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (HERE / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
