import subprocess
import sys

from dafec.geometry import Quad
from dafec.ocr.mrz_object import mrz_object
from dafec.ocr.parse import CheckDigit, MrzParse, Remark
from dafec.ocr.types import CharRead, LineRead, MrzRead

CORNERS = Quad(((1.04, 2.0), (101.0, 2.0), (101.0, 12.0), (1.0, 12.0)))


def line(text: str, doubtful: dict[int, tuple[tuple[str, float], ...]] | None = None) -> LineRead:
    chars = tuple(
        CharRead(char, 0.6 if n in (doubtful or {}) else 0.9999, (doubtful or {}).get(n, (("X", 0.002),)), (n, 0.0))
        for n, char in enumerate(text)
    )
    return LineRead(chars, 10.0)


READ = MrzRead("uncertain", "TD3", (line("P<UTO"), line("L898", {2: (("B", 0.39), ("S", 0.004))})), CORNERS, 0.6)
PARSE = MrzParse(
    "invalid",
    "TD3",
    ("P<UTO", "L898"),
    {"issuer": "UTO", "sex": None},
    (CheckDigit("document_number", "8", "6", ok=False, line=1, position=3),),
    (Remark("possibly_truncated", "names", 0, 5, 44, "Doc 9303-3 4.7"),),
    (Remark("check_digit", "document_number"),),
)


def test_the_object_shows_the_printed_text_beside_the_expected_digit() -> None:
    shown = mrz_object(READ, PARSE)
    assert shown["status"] == "uncertain"
    assert shown["lines"] == ["P<UTO", "L898"]
    assert shown["fields"] == {"issuer": "UTO", "sex": None}
    assert shown["check_digits"] == [
        {"field": "document_number", "printed": "8", "expected": "6", "ok": False, "line": 1, "position": 3}
    ]
    assert shown["corners_px"][0] == [1.0, 2.0]
    assert [note["code"] for note in shown["notes"]] == ["possibly_truncated"]
    assert [fault["code"] for fault in shown["faults"]] == ["check_digit"]


def test_only_alternatives_the_image_supports_are_listed() -> None:
    assert mrz_object(READ, PARSE)["alternatives"] == [
        {"line": 1, "position": 2, "char": "9", "probability": 0.6, "others": [["B", 0.39]]}
    ]


def test_no_zone_gives_an_empty_object_of_the_same_shape() -> None:
    empty = MrzRead("not_found", None, (), CORNERS, 0.3)
    for shown in (mrz_object(None, None), mrz_object(empty, PARSE)):
        assert shown.keys() == mrz_object(READ, PARSE).keys()
        assert (shown["status"], shown["lines"], shown["corners_px"], shown["confidence"]) == (
            "not_found",
            [],
            None,
            0.0,
        )
        assert shown["format"] is None
        assert shown["check_digits"] == []
        assert shown["fields"] == {}


def test_a_zone_that_could_not_be_parsed_keeps_its_lines() -> None:
    shown = mrz_object(READ, None)
    assert shown.keys() == mrz_object(READ, PARSE).keys()
    assert (shown["lines"], shown["outcome"], shown["fields"]) == (["P<UTO", "L898"], None, {})


def test_building_it_needs_no_heavy_import() -> None:
    code = "import sys, dafec.ocr.mrz_object; print(sorted({'pydantic', 'cv2', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
