"""Other MRZ readers, as their users would call them: a path goes in, lines and a status come out."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2

Reader = Callable[[Path], tuple[list[str], str]]
_LENGTHS = {30: 3, 36: 2, 44: 2}
_TO_DIGIT = str.maketrans("OQDIZSBG", "00012586")
_TO_LETTER = str.maketrans("01258", "OIZSB")


def passporteye_reader() -> Reader:
    """PassportEye on whatever tesseract is installed; its ``raw_text`` is what it read."""
    from passporteye import read_mrz  # imported here: heavy, and absent where benchmarks are not run

    def read(path: Path) -> tuple[list[str], str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_mrz(str(path))
        if found is None:
            return [], "not_found"
        lines = [line.strip().replace(" ", "") for line in str(found.aux["text"]).splitlines() if line.strip()]
        return lines, "read" if found.valid_score == 100 else "uncertain"

    return read


def _positional(lines: list[str]) -> list[str]:
    """Letters where only letters stand, digits where only digits stand: the usual repair of general OCR."""
    if len(lines) == 2 and len(lines[1]) in (36, 44):
        second = lines[1]
        number = second[:9] + second[9:10].translate(_TO_DIGIT)
        dates = second[13:20].translate(_TO_DIGIT) + second[20:21] + second[21:28].translate(_TO_DIGIT)
        second = number + second[10:13].translate(_TO_LETTER) + dates + second[28:]
        return [lines[0].translate(_TO_LETTER), second]
    if len(lines) == 3 and len(lines[1]) == 30:
        second = lines[1]
        dates = second[:7].translate(_TO_DIGIT) + second[7:8] + second[8:15].translate(_TO_DIGIT)
        second = dates + second[15:18].translate(_TO_LETTER) + second[18:]
        return [lines[0][:5].translate(_TO_LETTER) + lines[0][5:], second, lines[2].translate(_TO_LETTER)]
    return lines


def rapidocr_reader() -> Reader:
    """RapidOCR on the whole picture, lines of MRZ length picked out and repaired by position."""
    from rapidocr import RapidOCR

    engine = RapidOCR()

    def read(path: Path) -> tuple[list[str], str]:
        result = engine(cv2.imread(str(path)))
        texts = [re.sub(r"[«≤]", "<", t).replace(" ", "").upper() for t in (result.txts or ())]
        lines = [t for t in texts if re.fullmatch(r"[A-Z0-9<]{24,50}", t) and "<" in t]
        if not lines:
            return [], "not_found"
        wanted = min(_LENGTHS, key=lambda n: sum(abs(len(t) - n) for t in lines))
        fixed = []
        for line in lines[-_LENGTHS[wanted] :]:
            if len(line) < wanted:
                line = line.ljust(wanted, "<") if line.endswith("<") else line
            elif len(line) > wanted:
                line = re.sub(r"<+$", "", line).ljust(wanted, "<")[: max(wanted, len(re.sub(r"<+$", "", line)))]
            fixed.append(line)
        return _positional(fixed), "read" if all(len(t) == wanted for t in fixed) else "uncertain"

    return read
