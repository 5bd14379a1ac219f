"""What the networks are taught: texts, drawn zones and scenes with their truth, targets. Drawn anew, without torch."""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

from dafec.models.training import fonts, zones
from dafec.models.training.fonts import HELD_OUT, TRAINED, faces, glyphs, label_faces, pick, press
from dafec.models.training.mrz_text import MrzText, random_text
from dafec.models.training.scenes import Scene, SceneZone, make_scene
from dafec.models.training.targets import (
    COLUMN_PX,
    NO_CHARACTER,
    NOT_JUDGED,
    column_classes,
    detector_target,
    line_geometry,
    line_target,
    sample_strips,
)
from dafec.models.training.textures import texture_bank
from dafec.models.training.words import LATIN, STATES
from dafec.models.training.zones import ZoneSample, make_zone
from dafec.ocr.check_digits import expected_digit
from dafec.ocr.strip import CAP_PX, MARGIN_PX, cut_strip
from dafec.ocr.types import ALPHABET

pytest.importorskip("faker", reason="the extra ``test`` installs faker")
needs_fonts = pytest.mark.skipif(
    len(faces(held_out=True)[1]) < len(HELD_OUT) or len(faces()[1]) < len(TRAINED) or not label_faces(),
    reason="scripts/install-system-packages.sh installs the faces documents are drawn in",
)

SHAPES = {"TD3": (2, 44), "MRV-A": (2, 44), "TD2": (2, 36), "MRV-B": (2, 36), "FRA-ID": (2, 36), "TD1": (3, 30)}
SMALL_BANK = 5


@pytest.fixture(scope="module")
def texts() -> list[MrzText]:
    rng = random.Random("texts")
    return [random_text(rng) for _ in range(1500)]


def clean_zone(monkeypatch: pytest.MonkeyPatch, rng: random.Random, **options: object) -> ZoneSample:
    """A zone as it is printed: plain paper, full ink, nothing over it, nothing done by optics."""
    monkeypatch.setattr(zones, "_background", lambda _rng, shape, _bank: np.full(shape, 240, np.float32))
    for name in ("_surroundings", "_overlays"):
        monkeypatch.setattr(zones, name, lambda *_: None)
    monkeypatch.setattr(zones, "_wear_ink", lambda _rng, mask: (mask > 0).astype(np.float32))
    monkeypatch.setattr(zones, "degrade", lambda _rng, image, _pitch: image)
    return make_zone(rng, **options)  # type: ignore[arg-type]


def ink_offsets(dark: np.ndarray, centres: np.ndarray, cap_px: float) -> np.ndarray:
    """From each centre to the middle of the ink in its cell, (n, 2), in cap heights; nan: no ink."""
    rx, ry = round(0.5 * cap_px), round(0.75 * cap_px)
    padded = np.pad(dark, ((ry, ry), (rx, rx)))
    offsets = []
    for x, y in centres.round().astype(int):
        ink = np.argwhere(padded[y : y + 2 * ry + 1, x : x + 2 * rx + 1])
        middle = (ink.min(0) + ink.max(0)) / 2 - (ry, rx) if len(ink) else np.full(2, np.nan)
        offsets.append(middle[::-1] / cap_px)
    return np.array(offsets)


def digest(*arrays: np.ndarray) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def spelled(classes: np.ndarray) -> str:
    """The characters of a strip's columns, each run of columns once."""
    runs = [c for before, c in pairwise([NO_CHARACTER, *map(int, classes)]) if c != before]
    return "".join(ALPHABET[c] for c in runs if c not in (NO_CHARACTER, NOT_JUDGED))


def fixed_pitch(sample: ZoneSample) -> bool:
    """Proportional faces set some characters closer than the columns of a strip can part them."""
    gaps = np.concatenate([np.hypot(*np.diff(c, axis=0).T) for c in sample.centres])
    return bool(gaps.max() < 1.3 * gaps.min())


def inside(points: np.ndarray, quad: np.ndarray, slack_px: float) -> bool:
    outline = quad.astype(np.float32).reshape(-1, 1, 2)
    return all(cv2.pointPolygonTest(outline, (float(x), float(y)), True) >= -slack_px for x, y in points)


class TestTexts:
    def test_lines_have_their_formats_lengths_and_the_alphabet_of_doc_9303(self, texts: list[MrzText]) -> None:
        for text in texts:
            widths = {len(line) for line in text.lines}
            assert len(widths) == 1
            shape = (len(text.lines), widths.pop())
            assert shape == SHAPES.get(text.format, shape)
            assert shape in set(SHAPES.values())
            assert set("".join(text.lines)) <= set(ALPHABET)

    def test_every_format_comes_in_its_share(self, texts: list[MrzText]) -> None:
        share = {f: sum(t.format == f for t in texts) / len(texts) for f in (*SHAPES, "OTHER")}
        assert sum(share.values()) == pytest.approx(1)
        assert 0.41 < share["TD3"] < 0.51
        assert 0.17 < share["TD1"] < 0.27
        assert 0.06 < share["OTHER"] < 0.12
        assert min(share.values()) > 0.008

    def test_some_check_digits_are_wrong_on_purpose_and_most_are_right(self, texts: list[MrzText]) -> None:
        numbers = [(t.lines[1][:9], t.lines[1][9]) for t in texts if t.format in ("TD3", "MRV-A", "TD2", "MRV-B")]
        wrong = sum(expected_digit(field) != digit for field, digit in numbers) / len(numbers)
        assert 0.15 < wrong < 0.35  # 0.25 drawn anew, of which a tenth hit, and noise

    def test_a_seed_gives_the_same_texts_again(self, texts: list[MrzText]) -> None:
        rng = random.Random("texts")
        assert [random_text(rng) for _ in range(50)] == texts[:50]
        other = random.Random("other texts")
        assert [random_text(other) for _ in range(50)] != texts[:50]

    def test_words_are_what_a_zone_can_print(self) -> None:
        assert {len(s) for s in STATES} == {3}
        assert set("".join(STATES) + "".join(LATIN.values())) <= set(ALPHABET)

    def test_names_without_faker_end_with_its_name(self) -> None:
        program = (
            "import random, sys; sys.modules['faker'] = None\n"
            "from dafec.models.training.mrz_text import random_text\n"
            "[random_text(random.Random(i)) for i in range(9)]"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert ended.returncode != 0
        assert re.search(r"ModuleNotFoundError.*faker", ended.stderr)


@needs_fonts
class TestFonts:
    def test_held_out_faces_are_drawn_only_where_asked(self) -> None:
        rng = random.Random(1)
        asked = {pick(rng, held_out=True) for _ in range(200)}
        assert asked == set(faces(held_out=True)[1])
        trained = {pick(rng) for _ in range(3000)}
        unseen = {p for p in asked if "ocr-b" not in p}
        assert len(unseen) == 3
        assert not unseen & trained

    def test_masks_are_centred_on_the_capitals(self) -> None:
        masks, advances = glyphs(faces()[1][0], 30)
        assert set(masks) == set(advances) == set(ALPHABET)
        rows, columns = np.nonzero(masks["H"] > 128)
        assert masks["H"].shape == (90, 90)
        assert (rows.min() + rows.max() + 1) / 2 == pytest.approx(45, abs=1.5)
        assert (columns.min() + columns.max() + 1) / 2 == pytest.approx(45, abs=3)
        assert rows.max() - rows.min() + 1 == pytest.approx(30, abs=2)

    @pytest.mark.parametrize(("x", "y", "ink"), [(10, 10, 16), (0, 0, 4), (19, 10, 12), (-9, 5, 0), (60, 60, 0)])
    def test_print_stops_at_the_edge_of_the_layer(self, x: float, y: float, ink: int) -> None:
        layer = np.zeros((20, 20), np.uint8)
        press(layer, np.full((4, 4), 200, np.uint8), x, y)
        assert np.count_nonzero(layer) == ink

    def test_the_test_sets_zones_use_the_faces_kept_for_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        used: list[str] = []

        def spy(path: str, cap_px: int) -> object:
            used.append(path)
            return glyphs(path, cap_px)

        monkeypatch.setattr(zones, "glyphs", spy)
        rng = random.Random(3)
        for held_out in (True, False):
            used.clear()
            for _ in range(12):
                clean_zone(monkeypatch, rng, held_out=held_out, pitch_px=12.0)
            assert set(used) <= set(faces(held_out=held_out)[1])
            assert len(set(used)) > 1

    def test_faces_that_are_not_installed_are_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fonts, "TRAINED", ((1.0, "nowhere/at-all.otf"), TRAINED[0]))
        assert fonts.faces.__wrapped__()[1] == (faces()[1][0],)


@needs_fonts
class TestZones:
    @pytest.mark.parametrize("seed", range(12))
    def test_characters_stand_where_the_truth_says(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        sample = clean_zone(monkeypatch, random.Random(f"clean {seed}"), pitch_px=20.0)
        image = sample.image if np.median(sample.image) > 128 else 255 - sample.image
        for line, centres in zip(sample.text.lines, sample.centres, strict=True):
            assert len(centres) == len(line)
            printed = np.array([c != "<" for c in line])
            offsets = ink_offsets(image < 150, centres[printed], sample.cap_px)
            assert not np.isnan(offsets).any()
            assert np.abs(np.median(offsets, axis=0)) == pytest.approx([0, 0], abs=0.12)
            assert np.abs(offsets[:, 1]).max() < 0.4

    def test_the_drawn_size_is_the_one_asked_for(self) -> None:
        for pitch in (6.0, 14.0, 30.0):
            sample = make_zone(random.Random(8), bank_seed=SMALL_BANK, pitch_px=pitch)
            points = sample.centres[0]
            drawn = float(np.hypot(*(points[-1] - points[0]))) / (len(points) - 1)
            assert drawn == pytest.approx(pitch, rel=0.12)
            assert 0.7 * pitch < sample.cap_px < 1.2 * pitch

    def test_same_seed_same_picture_other_seed_another(self) -> None:
        a, b, c = (make_zone(random.Random(s), bank_seed=SMALL_BANK) for s in (4, 4, 5))
        assert a.text == b.text
        assert digest(a.image, *a.centres) == digest(b.image, *b.centres) != digest(c.image, *c.centres)

    def test_textures_are_zero_mean_and_belong_to_their_seed(self) -> None:
        bank, again, other = (texture_bank.__wrapped__(seed, 6, (60, 200)) for seed in (1, 1, 2))
        assert [t.shape for t in bank] == [(60, 200)] * 6
        assert max(abs(float(t.mean())) for t in bank) < 12
        assert [digest(t) for t in bank] == [digest(t) for t in again]
        assert not {digest(t) for t in bank} & {digest(t) for t in other}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [make_scene(random.Random(f"scene {i}"), bank_seed=SMALL_BANK, longest_px=600) for i in range(40)]


@needs_fonts
class TestScenes:
    def test_zones_lie_in_the_outline_of_a_document(self, scenes: list[Scene]) -> None:
        found = [(scene, zone) for scene in scenes for zone in scene.zones]
        assert len(found) > 25
        for scene, zone in found:
            points = np.vstack(zone.centres)
            assert any(inside(points, quad, 1.0) for quad in scene.documents)

    def test_a_document_reads_the_way_its_zone_does(self, scenes: list[Scene]) -> None:
        judged = 0
        for scene in scenes:
            if len(scene.documents) != 1:
                continue
            quad = scene.documents[0]
            for zone in scene.zones:
                along = zone.corners()[1] - zone.corners()[0]
                side = quad[1] - quad[0]
                assert along @ side > 0.8 * np.hypot(*along) * np.hypot(*side)
                judged += 1
        assert judged > 15

    def test_corners_are_tight_round_the_characters(self, scenes: list[Scene]) -> None:
        for zone in (z for scene in scenes for z in scene.zones):
            points = np.vstack(zone.centres)
            quad = zone.corners()
            assert inside(points, quad, 0.35 * zone.cap_px + 1)
            for corner in quad:
                assert np.hypot(*(points - corner).T).min() < 3 * zone.cap_px

    def test_a_zone_is_dark_on_light_where_it_is_said_to_be(self, scenes: list[Scene]) -> None:
        """Ink stands out of the paper at nearly every character that is not ``<``, through wear, blur and noise."""
        shares = []
        for scene in scenes:
            image = scene.image.astype(np.float32)
            for zone in scene.zones:
                if zone.cap_px < 9:
                    continue
                reach = max(1, round(0.4 * zone.cap_px))
                contrast = cv2.dilate(image, np.ones((2 * reach + 1,) * 2)) - cv2.erode(
                    image, np.ones((2 * reach + 1,) * 2)
                )
                at = np.vstack(zone.centres).round().astype(int)
                at = at[(at >= 0).all(1) & (at < image.shape[::-1]).all(1)]
                shares.append(float((contrast[at[:, 1], at[:, 0]] > 20).mean()))
        assert len(shares) > 8
        assert float(np.median(shares)) > 0.9

    def test_same_seed_same_scene_other_seed_another(self, scenes: list[Scene]) -> None:
        again = make_scene(random.Random("scene 0"), bank_seed=SMALL_BANK, longest_px=600)
        assert digest(again.image, *again.documents) == digest(scenes[0].image, *scenes[0].documents)
        assert len({digest(scene.image) for scene in scenes}) == len(scenes)

    def test_frames_are_of_the_size_asked_for(self, scenes: list[Scene]) -> None:
        for scene in scenes:
            assert scene.image.dtype == np.uint8
            assert min(scene.image.shape) >= 64
            assert max(scene.image.shape) < 1.7 * 600  # a zone cut out keeps a margin of its own
        assert sum(max(scene.image.shape) == 600 for scene in scenes) > 20


@needs_fonts
class TestTargets:
    def test_every_character_stands_at_its_column(self) -> None:
        judged = 0
        for seed in range(15):
            sample = make_zone(random.Random(f"strip {seed}"), bank_seed=SMALL_BANK)
            for row, line in enumerate(sample.text.lines):
                geometry = line_geometry(sample, row)
                width = cut_strip(sample.image, geometry).pixels.shape[1]
                classes = column_classes(sample, row, geometry, width)
                assert len(classes) * COLUMN_PX == width
                assert (classes[: MARGIN_PX // COLUMN_PX - 1] == NO_CHARACTER).all()
                if fixed_pitch(sample):
                    assert spelled(classes) == line
                    judged += 1
                along = sample.centres[row][-1] - sample.centres[row][0]
                length = np.hypot(geometry.right[0] - geometry.left[0], geometry.right[1] - geometry.left[1])
                share = (sample.centres[row] - geometry.left) @ along / np.hypot(*along) / length
                at = (MARGIN_PX + share * length * CAP_PX / geometry.cap_px) / COLUMN_PX - 0.5
                assert "".join(ALPHABET[c] for c in classes[at.round().astype(int)]) == line
        assert judged > 15

    def test_a_shaken_strip_holds_a_part_of_its_line_in_order(self) -> None:
        rng = random.Random("shaken")
        whole = []
        for _ in range(30):
            sample = make_zone(rng, bank_seed=SMALL_BANK)
            for strip, classes in sample_strips(sample, rng):
                assert strip.shape == (32, len(classes) * COLUMN_PX)
                assert set(np.unique(classes)) <= {NOT_JUDGED, *range(NO_CHARACTER + 1)}
                if fixed_pitch(sample):
                    assert any(spelled(classes) in line for line in sample.text.lines)
                    whole.append(spelled(classes) in sample.text.lines)
        assert len(whole) > 40
        assert 0.5 < np.mean(whole) < 0.95

    def test_strip_columns_lead_back_to_the_character(self) -> None:
        sample = make_zone(random.Random(21), bank_seed=SMALL_BANK, pitch_px=18.0)
        geometry = line_geometry(sample, 0)
        strip = cut_strip(sample.image, geometry)
        classes = column_classes(sample, 0, geometry, strip.pixels.shape[1])
        runs = np.flatnonzero((classes >= 0) & (classes < NO_CHARACTER))
        places = strip.to_frame(runs * COLUMN_PX + COLUMN_PX / 2)
        near = np.hypot(*(places[:, None] - sample.centres[0][None]).transpose(2, 0, 1)).argmin(1)
        assert [ALPHABET[classes[c]] for c in runs] == [sample.text.lines[0][i] for i in near]
        assert set(near) == set(range(len(sample.text.lines[0])))

    def test_the_detectors_maps_show_zone_document_and_direction(self, scenes: list[Scene]) -> None:
        for scene in (s for s in scenes if s.zones):
            frame, maps = detector_target(scene, 512)
            assert frame.shape == (1, 512, 512)
            assert maps.shape == (4, 128, 128)
            scale = 512 / max(scene.image.shape)
            for zone in scene.zones:
                x, y = (np.vstack(zone.centres).mean(0) * scale + 0.5) / 4 - 0.5
                if not (0 <= x < 127 and 0 <= y < 127):
                    continue
                assert maps[0, round(y), round(x)] == 1
                along = zone.corners()[1] - zone.corners()[0]
                assert maps[2:, round(y), round(x)] == pytest.approx(along / np.hypot(*along), abs=0.02)
            assert np.hypot(maps[2], maps[3])[maps[0] == 1] == pytest.approx(1, abs=1e-5)
            assert not maps[2:, maps[0] == 0].any()

    def test_the_line_finders_maps_peak_on_the_lines(self) -> None:
        sample = make_zone(random.Random(2), bank_seed=SMALL_BANK, pitch_px=14.0)
        zone = SceneZone(sample.text, sample.centres, sample.cap_px)
        scene = Scene(sample.image, (zone,), ())
        crop, maps = line_target(scene, zone, random.Random("tame"))
        assert crop.shape == (1, 96, 448)
        assert maps.shape == (2, 48, 112)
        column = maps[0][:, 56]
        peaks = [i for i in range(1, 47) if column[i - 1] < column[i] >= column[i + 1] and column[i] > 0.5]
        assert len(peaks) == len(sample.text.lines)
        assert all(column[a:b].min() < 0.4 for a, b in pairwise(peaks))
        judged = maps[1][maps[0] > 0.5]
        assert len(np.unique(judged)) == 1
        assert 3 < 8 * np.exp(judged[0] - 10) < 24
        assert not maps[1][maps[0] < 0.4].any()
