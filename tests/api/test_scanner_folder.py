"""The watched folder: half-written files, incomplete documents, duplicates, vendors' names, what is put away."""

from __future__ import annotations

import io
import os
import threading
import time
from pathlib import Path, PurePath

import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from scanner_kits import attached, folder_kit, wait_for
from service_fakes import FakeScreener, noise_page

from api.parts import Part
from api.scanners.config import FolderConfig, ScannerConfig
from api.scanners.naming import Naming, Place

BANDS = {"visible": ["*_WHITE.*"], "ir": ["re:(?P<set>.+)-B900[.]tiff?"], "uv": ["*_UV365.*"]}


def items(kit: object) -> list[dict[str, object]]:
    return kit.client.get("/api/v1/screenings").json()["items"]  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("names", "path", "place"),
    [
        ({"visible": ("visible.*",)}, "visible.JPG", Place("", "", Part("visible"))),
        ({"ir": ("*_IR.tif",)}, "box/0042_ir.TIF", Place("box", "0042", Part("ir"))),
        ({"ir": ("*_IR.tif",)}, "0042_IR.tiff", None),
        ({"uv": ("uv[0-9]-*.png",)}, "uv3-abc.png", Place("", "abc", Part("uv"))),
        ({"uv": ("scan(1)*.png",)}, "scan(1)x.png", Place("", "x", Part("uv"))),
        ({"visible": ("re:IMG_(?P<set>[0-9]+)_W[.]jpe?g",)}, "IMG_77_w.jpeg", Place("", "77", Part("visible"))),
        ({"visible": ("re:W_.*",)}, "W_9.png", Place("", "", Part("visible"))),
        (
            {"ir": ("re:(?P<set>[0-9]+)_(?P<side>front|back)_ir[.]tif",)},
            "12_back_IR.tif",
            Place("", "12", Part("ir", 2)),
        ),
        ({"ir": ("re:(?P<set>[0-9]+)_(?P<side>.*)_ir[.]tif",)}, "12_lid_ir.tif", None),
        ({"visible": ("visible.*",)}, "7/page-2/visible.png", Place("7", "", Part("visible", 2))),
        ({"visible": ("*.jpg",), "ir": ("*_ir.jpg",)}, "a_ir.jpg", Place("", "a_ir", Part("visible"))),
    ],
)
def test_a_name_says_document_light_and_side(names: dict[str, tuple[str, ...]], path: str, place: Place | None) -> None:
    assert Naming(names).place(PurePath(path)) == place  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("visible-2.png", Place("", "", Part("visible", 2))),
        ("7/ir-3.tif", Place("7", "", Part("ir", 3))),
        ("0815_uv-2.jpg", Place("", "0815", Part("uv", 2))),
        ("0815_uv.jpg", Place("", "0815", Part("uv"))),
        ("visible-9.png", None),
        ("visible-22.png", None),
    ],
)
def test_without_names_sides_are_told_as_in_a_capture_folder(path: str, place: Place | None) -> None:
    config = TypeAdapter(ScannerConfig).validate_python({"driver": "folder", "name": "f", "desk": "d", "folder": "/x"})
    assert Naming(config.names).place(PurePath(path)) == place  # type: ignore[union-attr]


def test_both_sides_of_a_card_are_one_document(tmp_path: Path) -> None:
    """The second side arrives late, one card in files beside each other and one in a folder a page."""
    cards = tmp_path / "watched"
    with folder_kit(tmp_path, sides=2, set_timeout_s=60, keep_processed_hours=1) as kit, attached(kit, tmp_path):
        (cards / "a_visible.png").write_bytes(noise_page(1))
        (cards / "b").mkdir()
        (cards / "b" / "visible.png").write_bytes(noise_page(3))
        time.sleep(0.5)
        assert items(kit) == []
        (cards / "a_visible-2.png").write_bytes(noise_page(2))
        (cards / "b" / "page-2").mkdir()
        (cards / "b" / "page-2" / "visible.png").write_bytes(noise_page(4))
        found = wait_for(lambda: len(items(kit)) == 2 and items(kit))
        sides = set()
        for item in found:
            url = f"/api/v1/screenings/{item['id']}"
            assert len(kit.client.get(url).json()["capture"]["pages"]) == 2
            sides.add(
                tuple(
                    kit.client.get(f"{url}/images/{page}/visible", params={"form": "original"}).content
                    for page in range(2)
                )
            )
        assert sides == {(noise_page(1), noise_page(2)), (noise_page(3), noise_page(4))}
        wait_for(lambda: len([path for path in (cards / "processed").rglob("*.png")]) == 4)
        assert not (cards / "b").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": {"visible": ["re:("]}},
        {"names": {}},
        {"names": {"xray": ["*"]}},
        {"wait_for": ["uv"], "names": {"visible": ["*"]}},
        {"name": "No Blanks"},
        {"folders": "x"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, object]) -> None:
    plain = {"driver": "folder", "name": "f", "desk": "d", "folder": "/x"}
    TypeAdapter(ScannerConfig).validate_python(plain)
    with pytest.raises(ValidationError):
        TypeAdapter(ScannerConfig).validate_python(plain | wrong)


def test_three_bands_by_a_vendors_names_are_one_document(tmp_path: Path) -> None:
    with folder_kit(tmp_path, names=BANDS, wait_for=["visible", "ir", "uv"]) as kit, attached(kit, tmp_path):
        for number, document in enumerate(("A1", "A2")):
            (tmp_path / "watched" / f"{document}_UV365.png").write_bytes(noise_page(10 * number))
            page = Image.open(io.BytesIO(noise_page(10 * number + 1)))
            page.save(tmp_path / "watched" / f"{document}-B900.tif")
            (tmp_path / "watched" / f"{document}_WHITE.png").write_bytes(noise_page(10 * number + 2))
        (tmp_path / "watched" / "thumbs.db").write_bytes(b"x")
        wait_for(lambda: len(items(kit)) == 2)
        assert [set(item["lights"]) for item in items(kit)] == [{"visible", "ir", "uv"}] * 2  # type: ignore[call-overload]
        wait_for(lambda: [path.name for path in (tmp_path / "watched").iterdir()] == ["thumbs.db"])


def test_half_written_file_is_screened_once_and_whole(tmp_path: Path) -> None:
    """It grows, rests for longer than a file needs to settle, and grows on: as over a slow share."""
    data = noise_page(1)
    with folder_kit(tmp_path, patience_s=20.0) as kit, attached(kit, tmp_path):
        path = tmp_path / "watched" / "visible.png"
        for end in (500, 9000, len(data)):
            path.write_bytes(data[:end])
            time.sleep(0.5)
        wait_for(lambda: len(items(kit)) == 1)
        assert kit.status()["refused"] == 0
        url = f"/api/v1/screenings/{items(kit)[0]['id']}/images/0/visible"
        assert kit.client.get(url, params={"form": "original"}).content == data


def test_cut_off_file_is_refused_when_patience_ends_and_says_why(tmp_path: Path) -> None:
    with folder_kit(tmp_path, patience_s=0.4) as kit, attached(kit, tmp_path):
        (tmp_path / "watched" / "visible.png").write_bytes(noise_page(1)[:3000])
        wait_for(lambda: kit.status()["refused"] == 1)
        wait_for(lambda: len(list((tmp_path / "watched" / "refused").glob("*/*/*"))) == 2)
        kept = {path.name: path.read_bytes() for path in (tmp_path / "watched" / "refused").glob("*/*/*")}
        assert kept["visible.png"] == noise_page(1)[:3000]
        assert b'"capture.truncated"' in kept["reason.json"]
        assert items(kit) == []


@pytest.mark.parametrize(("partial", "screened", "refused"), [("screen", 1, 0), ("refuse", 0, 1)])
def test_incomplete_document_waits_and_then_goes_as_the_settings_say(
    tmp_path: Path, partial: str, screened: int, refused: int
) -> None:
    config = {"wait_for": ["visible", "uv"], "partial": partial, "set_timeout_s": 0.8}
    with folder_kit(tmp_path, **config) as kit, attached(kit, tmp_path):
        (tmp_path / "watched" / "visible.png").write_bytes(noise_page(1))
        time.sleep(0.5)
        assert items(kit) == []
        wait_for(lambda: (len(items(kit)), kit.status()["refused"]) == (screened, refused))


def test_same_document_again_is_no_second_screening(tmp_path: Path) -> None:
    with folder_kit(tmp_path) as kit, attached(kit, tmp_path):
        for name in ("a-visible.png", "b-visible.png"):
            (tmp_path / "watched" / name).write_bytes(noise_page(1))
            wait_for(lambda name=name: not (tmp_path / "watched" / name).exists())
        assert len(items(kit)) == 1
        assert kit.status()["captures"] == 1


def test_service_killed_between_screening_and_putting_away_screens_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file lies there again after the restart, because it was never moved."""

    def keep(*_: object) -> None:
        raise PermissionError(13, "injected")

    with folder_kit(tmp_path) as kit:
        monkeypatch.setattr("api.scanners.folder.FolderDriver._put_away", keep)
        with attached(kit, tmp_path):
            (tmp_path / "watched" / "visible.png").write_bytes(noise_page(1))
            wait_for(lambda: kit.status()["code"] == "scanner.cannot_move")
            assert len(items(kit)) == 1
            time.sleep(0.4)
            assert kit.status()["captures"] == 1
        monkeypatch.undo()
        monkeypatch.setenv("DAFEC_SERVICE_COMPLETE_PASS", "false")
        with attached(kit, tmp_path):
            wait_for(lambda: not (tmp_path / "watched" / "visible.png").exists())
            assert len(items(kit)) == 1


def test_what_is_put_away_is_removed_after_its_hours(tmp_path: Path) -> None:
    config = {"keep_processed_hours": 1.0}
    with folder_kit(tmp_path, **config) as kit:
        with attached(kit, tmp_path):
            (tmp_path / "watched" / "visible.png").write_bytes(noise_page(1))
            wait_for(lambda: list((tmp_path / "watched" / "processed").glob("*/*/visible.png")))
        (folder,) = (tmp_path / "watched" / "processed").glob("*/*")
        os.utime(folder, (time.time() - 3700, time.time() - 3700))
        with attached(kit, tmp_path):
            wait_for(lambda: list((tmp_path / "watched" / "processed").rglob("*")) == [])


def test_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(noise_page(1))
    with folder_kit(tmp_path) as kit, attached(kit, tmp_path):
        (tmp_path / "watched" / "visible.png").symlink_to(tmp_path / "secret.png")
        (tmp_path / "watched" / "2-visible.png").write_bytes(noise_page(2))
        wait_for(lambda: len(items(kit)) == 1)
        time.sleep(0.4)
        assert len(items(kit)) == 1
    assert (tmp_path / "secret.png").exists()


def test_share_that_hangs_is_unplugged_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, looks = threading.Event(), []
    real = os.scandir

    def hang(folder: Path) -> object:
        if str(folder).endswith("watched"):
            looks.append(1)
            go_on.wait(20)
        return real(folder)

    with folder_kit(tmp_path, answer_s=0.3) as kit:
        monkeypatch.setattr("api.scanners.folder.os.scandir", hang)
        with attached(kit, tmp_path):
            wait_for(lambda: kit.status()["state"] == "unplugged")
            assert kit.status()["code"] == "scanner.no_answer"
            time.sleep(1.5)  # it was tried again meanwhile
            assert len(looks) == 1  # and no second thread hangs
            assert kit.client.get("/healthz").status_code == 200
            go_on.set()
            wait_for(lambda: kit.status()["state"] == "ready", 60)


@pytest.mark.parametrize("how", ["settings", "age", "bytes"])
def test_recorded_image_is_marked_and_refused_where_the_desk_wants_none(tmp_path: Path, how: str) -> None:
    watched = tmp_path / "watched"

    def put(number: int) -> None:
        path = watched / f"{number}-visible.png"
        path.with_suffix(".part").write_bytes(noise_page(1 if how == "bytes" else number))
        if how == "age":
            os.utime(path.with_suffix(".part"), (time.time() - 5000, time.time() - 5000))
        path.with_suffix(".part").rename(path)

    with folder_kit(tmp_path, recorded=how == "settings") as kit:
        if how == "bytes":  # the very bytes of a document that was uploaded before
            with attached(kit, tmp_path):
                kit.client.post("/api/v1/screenings", files={"visible": ("v", noise_page(1))})
        with attached(kit, tmp_path):
            before = len(items(kit))
            put(1)
            wait_for(lambda: len(items(kit)) == before + 1)
            assert items(kit)[0]["origin"] == "recorded"
            report = kit.client.get(f"/api/v1/screenings/{items(kit)[0]['id']}").json()
            assert "recorded" in report["verdict"]["notes"]
        with attached(kit, tmp_path, FakeScreener(), refuse_recorded=("desk-1",)):
            put(2)
            if how == "bytes":  # known from this very scanner: the same document, and no second screening
                wait_for(lambda: not list(watched.glob("*.png")))
            else:
                wait_for(lambda: kit.status()["refused"] == 1)
            assert len(items(kit)) == before + 1


def test_plain_capture_folder_names_need_no_setting() -> None:
    naming = Naming(FolderConfig(driver="folder", name="f", desk="d", folder=Path("/x")).names)
    assert naming.place(PurePath("7/ir.png")) == Place("7", "", Part("ir"))
    assert naming.place(PurePath("0815_uv.tif")) == Place("", "0815", Part("uv"))
    assert naming.place(PurePath("notes.txt")) is None
