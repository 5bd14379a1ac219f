"""The second factor: time-based one-time passwords (RFC 6238, SHA-1, 6 digits, 30 s) and recovery codes.

A code is taken once: the step of the last one is kept, and only a later step is taken (ASVS 6.5.1). The step before and
the step after the present one are taken as well, for clocks that differ and for the time typing takes (RFC 6238, 5.2).
"""

from __future__ import annotations

import hashlib
import io
import re
from datetime import datetime

import pyotp
import segno

from api.security.passwords import random_words

__all__ = ["new_recovery_codes", "new_secret", "qr_svg", "recovery_digest", "setup_address", "step_of_code"]

_STEP_S = 30
_STEPS_ASIDE = 1
_RECOVERY_CODES = 10
_CODE = re.compile(r"[0-9]{6}")
#: Digits of the Arabic keyboard, and of the Persian one.
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


def new_secret() -> str:
    """A secret of 160 bits, base32."""
    return pyotp.random_base32(32)


def step_of_code(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The step a code is of, if it is one that is taken now.

    Args:
        secret: base32.
        code: as typed; blanks and Arabic digits are understood.
        now: with zone.
        last_step: of the last code that was taken; 0 where none was.

    Returns:
        The step, to be kept as ``last_step``; None where the code is wrong, too old, or was taken before.
    """
    digits = "".join(code.split()).translate(_DIGITS)
    if not _CODE.fullmatch(digits):
        return None
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // _STEP_S
    for step in range(current - _STEPS_ASIDE, current + _STEPS_ASIDE + 1):
        if step > last_step and pyotp.utils.strings_equal(totp.generate_otp(step), digits):
            return step
    return None


def setup_address(secret: str, user_name: str) -> str:
    """The ``otpauth:`` address an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=user_name, issuer_name="DAFEC")


def qr_svg(address: str) -> str:
    """The address as a QR code, to stand in a page."""
    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4, light="#fff", dark="#000", svgclass="qr"
    )
    return out.getvalue().decode("utf-8")


def new_recovery_codes() -> list[str]:
    """Codes that stand in for the second factor, each once: 24 characters of 4.95 bits."""
    return [random_words(4, 6) for _ in range(_RECOVERY_CODES)]


def recovery_digest(code: str) -> bytes:
    """What is kept of a recovery code; with more than 112 bits SHA-256 is enough (ASVS 6.5.2)."""
    typed = "".join(code.lower().replace("-", "").split())
    return hashlib.sha256(b"dafec recovery code " + typed.encode("utf-8", "replace")).digest()
