"""Exported audit logs, and the verifier of what was exported. It needs neither the service nor its database.

An export is a text of JSON lines:

    {"audit":"dafec.audit/1","log":"...","size":3}
    {"action":"log.begun",...,"n":0,...}
    {"action":"screening.made",...,"n":1,...}
    {"head":{"size":2,"root":"...",...,"signature":"..."}}
    {"action":"screening.viewed",...,"n":2,...}
    {"head":{"size":3,...}}

Every entry stands as the bytes that were hashed; every signed head stands behind the last entry it covers, so that a
fault is narrowed down to the entries between two heads. The last line is a head over everything.

Two small files go with it: a receipt (one entry, its inclusion proof and a head) and an advance (a head and the proof
that its log begins with an earlier one). ``verify_file`` takes all three.

What the file alone cannot show is that a log was cut back to one of its own heads, or replaced by another log signed
with another key. For that the verifier is handed what was kept elsewhere: a head (``anchors``) or the key (``keys``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from api.security.audit_entry import canonical_json
from api.security.audit_heads import SignedHead, log_id, parse_head
from api.security.audit_tree import CompactTree, leaf_hash, verify_consistency, verify_inclusion
from dafec.errors import InputError

__all__ = ["Verified", "advance", "export_lines", "receipt", "verify_file"]

_FORMAT = "dafec.audit/1"
_MOST_LINE_BYTES = 65_536
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification found to be as it should."""

    kind: str  # export, receipt or advance
    log: str
    size: int  # entries that are covered
    root: str
    at: str  # of the newest head
    heads: int  # signatures that hold
    keys: tuple[str, ...]  # that signed them
    key_pinned: bool  # whether the keys were handed in from outside
    anchored: int  # entries that heads from outside cover


def export_lines(entries: Iterable[bytes], heads: Sequence[SignedHead]) -> Iterator[bytes]:
    """The lines of an export.

    Args:
        entries: canonical, from the first.
        heads: by rising size; the last covers every entry.
    """
    waiting = list(heads)
    yield canonical_json({"audit": _FORMAT, "log": waiting[-1].log, "size": waiting[-1].size})
    for position, entry in enumerate(entries):
        yield entry
        while waiting and waiting[0].size == position + 1:
            yield canonical_json({"head": waiting.pop(0).to_dict()})


def receipt(entry: bytes, position: int, proof: Sequence[bytes], head: SignedHead) -> bytes:
    """The proof that an entry is in the log, as one line."""
    steps = [step.hex() for step in proof]
    value = {"receipt": _FORMAT, "entry": entry.decode("ascii"), "position": position, "proof": steps}
    return canonical_json(value | {"head": head.to_dict()})


def advance(since: SignedHead, proof: Sequence[bytes], head: SignedHead) -> bytes:
    """The proof that the log of ``head`` begins with that of ``since``, as one line."""
    value = {"advance": _FORMAT, "since": since.to_dict(), "proof": [step.hex() for step in proof]}
    return canonical_json(value | {"head": head.to_dict()})


def verify_file(lines: Iterable[bytes], *, anchors: Sequence[SignedHead] = (), keys: Collection[str] = ()) -> Verified:
    """Verifies an export, a receipt or an advance.

    Args:
        lines: with or without their line feeds.
        anchors: heads that were kept elsewhere.
        keys: public keys, hexadecimal; where given, a head signed with another is refused.

    Raises:
        InputError: ``audit.unreadable``, ``audit.signature``, ``audit.key_differs``, ``audit.edited``,
            ``audit.missing``, ``audit.swapped``, ``audit.truncated``, ``audit.other_log``.
    """
    stream = iter(lines)
    first = next(stream, b"")
    value = _object(first, 1)
    if "audit" in value:
        return _Reader(value, anchors, keys).read(stream)
    rest = [line for line in stream if line.strip()]
    if rest or not ("receipt" in value or "advance" in value):
        raise InputError("audit.unreadable", line=2 if rest else 1)
    head = parse_head(value.get("head"))
    for signed in (head, *anchors):
        _check_signature(signed, keys)
    if "receipt" in value:
        _verify_receipt(value, head)
        _verify_anchors_of_head(head, anchors)
        return _small("receipt", head, keys, 0)
    return _verify_advance(value, head, anchors, keys)


class _Reader:
    """Reads an export from front to back and keeps a logarithmic number of hashes."""

    def __init__(self, header: dict[str, Any], anchors: Sequence[SignedHead], keys: Collection[str]) -> None:
        if header.get("audit") != _FORMAT or type(header.get("size")) is not int:
            raise InputError("audit.unreadable", line=1)
        self._announced: int = header["size"]
        self._named = header.get("log")
        self._keys = keys
        for anchor in anchors:
            _check_signature(anchor, keys)
        self._anchors = sorted(anchors, key=lambda anchor: anchor.size)
        self._tree = CompactTree()
        self._log = ""
        self._sure = 0  # entries that the last head covered
        self._heads: list[SignedHead] = []
        self._anchored = 0

    def read(self, lines: Iterator[bytes]) -> Verified:
        for number, line in enumerate(lines, 2):
            if len(line) > _MOST_LINE_BYTES:
                raise InputError("audit.unreadable", line=number)
            entry = line.rstrip(b"\r\n")
            value = _object(entry, number)
            if set(value) == {"head"}:
                self._take_head(parse_head(value))
            else:
                self._take_entry(entry, value, number, lines)
        return self._end()

    def _take_entry(self, entry: bytes, value: dict[str, Any], number: int, rest: Iterator[bytes]) -> None:
        position = value.get("n")
        if type(position) is not int:
            raise InputError("audit.unreadable", line=number)
        if position != self._tree.size:
            self._misplaced(position, number, rest)
        leaf = leaf_hash(entry)
        if not self._log:
            self._log = log_id(leaf)
        self._tree.append(leaf)
        while self._anchors and self._anchors[0].size == self._tree.size:
            anchor = self._anchors.pop(0)
            if anchor.log != self._log and anchor.log != self._named:
                raise InputError("audit.other_log")
            if anchor.root != self._tree.root().hex():
                self._edited(anchor.size)
            self._anchored = anchor.size

    def _misplaced(self, position: int, number: int, rest: Iterator[bytes]) -> None:
        """An entry that should stand elsewhere: was the one that belongs here moved, or is it gone?"""
        expected = self._tree.size
        later = (_object(line, number + further) for further, line in enumerate(rest, 1))
        if position < expected or any(value.get("n") == expected for value in later):
            raise InputError("audit.swapped", expected=expected, found=position)
        raise InputError("audit.missing", first=expected, last=position - 1)

    def _take_head(self, head: SignedHead) -> None:
        if head.size != self._tree.size:
            if head.size > self._tree.size:
                raise InputError("audit.missing", first=self._tree.size, last=head.size - 1)
            raise InputError("audit.swapped", expected=self._tree.size, found=head.size)
        if head.root != self._tree.root().hex():
            self._edited(head.size)
        _check_signature(head, self._keys)
        if head.log != self._log:
            raise InputError("audit.other_log")
        self._heads.append(head)
        self._sure = head.size

    def _edited(self, size: int) -> None:
        raise InputError("audit.edited", first=min(self._sure, size - 1), last=size - 1)

    def _end(self) -> Verified:
        size = self._tree.size
        wanted = max([self._announced, *(anchor.size for anchor in self._anchors)])
        if self._anchors and self._anchors[0].log != self._log:
            raise InputError("audit.other_log")
        if size > self._announced:
            raise InputError("audit.edited", first=self._announced, last=size - 1)
        if self._sure < max(wanted, size) or not self._heads:
            raise InputError("audit.truncated", found=self._sure, expected=max(wanted, size))
        last = self._heads[-1]
        signed_by = tuple(dict.fromkeys(head.key for head in self._heads))
        return Verified(
            "export", self._log, size, last.root, last.at, len(self._heads), signed_by, bool(self._keys), self._anchored
        )


def _verify_receipt(value: dict[str, Any], head: SignedHead) -> None:
    entry, position = value.get("entry"), value.get("position")
    if type(entry) is not str or not entry.isascii() or type(position) is not int:
        raise InputError("audit.unreadable", line=1)
    leaf = leaf_hash(entry.encode("ascii"))
    if not verify_inclusion(leaf, position, head.size, _proof(value), _digest(head.root)):
        raise InputError("audit.edited", first=position, last=position)


def _verify_anchors_of_head(head: SignedHead, anchors: Sequence[SignedHead]) -> None:
    """A head beside others: of the same log, and the same where it has the same size."""
    for anchor in anchors:
        if anchor.log != head.log:
            raise InputError("audit.other_log")
        if anchor.size == head.size and anchor.root != head.root:
            raise InputError("audit.edited", first=0, last=head.size - 1)


def _verify_advance(
    value: dict[str, Any], head: SignedHead, anchors: Sequence[SignedHead], keys: Collection[str]
) -> Verified:
    since = parse_head(value.get("since"))
    _check_signature(since, keys)
    if since.log != head.log:
        raise InputError("audit.other_log")
    if head.size < since.size:
        raise InputError("audit.truncated", found=head.size, expected=since.size)
    if not verify_consistency(since.size, head.size, _proof(value), _digest(since.root), _digest(head.root)):
        raise InputError("audit.edited", first=0, last=since.size - 1)
    _verify_anchors_of_head(since, anchors)
    if anchors and not any(anchor.size == since.size for anchor in anchors):
        raise InputError("audit.truncated", found=since.size, expected=max(anchor.size for anchor in anchors))
    return _small("advance", head, keys, since.size if anchors else 0)


def _small(kind: str, head: SignedHead, keys: Collection[str], anchored: int) -> Verified:
    return Verified(kind, head.log, head.size, head.root, head.at, 1, (head.key,), bool(keys), anchored)


def _check_signature(head: SignedHead, keys: Collection[str]) -> None:
    if not head.signature_holds():
        raise InputError("audit.signature", size=head.size)
    if keys and head.key not in keys:
        raise InputError("audit.key_differs", size=head.size)


def _proof(value: dict[str, Any]) -> list[bytes]:
    steps = value.get("proof")
    if not isinstance(steps, list) or len(steps) > _MOST_STEPS:
        raise InputError("audit.unreadable", line=1)
    return [_digest(step) for step in steps]


def _digest(value: object) -> bytes:
    try:
        digest = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise InputError("audit.unreadable", line=1)
    return digest


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("audit.unreadable", line=number) from error
    if not isinstance(value, dict):
        raise InputError("audit.unreadable", line=number)
    return value
