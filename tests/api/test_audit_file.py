"""An exported log: what the verifier finds on a copy, without the service."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.security.audit_entry import ACTIONS, AuditEvent, acting, canonical_entry, canonical_json
from api.security.audit_file import advance, export_lines, receipt, verify_file
from api.security.audit_heads import AuditKey, SignedHead, log_id, parse_head, read_public_key
from api.security.audit_tree import completed_nodes, consistency_proof, inclusion_proof, leaf_hash, root_hash
from dafec.errors import InputError, InstallationError

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Log:
    """A log in memory with heads where they are asked for."""

    def __init__(self, key: AuditKey, count: int = 12, heads: tuple[int, ...] = (3, 8, 12), name: str = "0") -> None:
        self.key = key
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.entries: list[bytes] = []
        for number in range(count):
            event = AuditEvent("log.begun", "", {"log": name}) if number == 0 else AuditEvent("screening.viewed", "a:b")
            self.entries.append(canonical_entry(event, number, AT))
            leaf = self.nodes[0, number] = leaf_hash(self.entries[-1])
            for level, index, value in completed_nodes(number, leaf, self.node):
                self.nodes[level, index] = value
        self.heads = [self.head(size) for size in heads]

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def head(self, size: int) -> SignedHead:
        return self.key.sign(log_id(self.nodes[0, 0]), size, root_hash(size, self.node), AT)

    def lines(self) -> list[bytes]:
        return list(export_lines(self.entries, self.heads))


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> AuditKey:
    return AuditKey(tmp_path_factory.mktemp("keys") / "audit.key")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> AuditKey:
    return AuditKey(tmp_path_factory.mktemp("others") / "audit.key")


@pytest.fixture
def log(key: AuditKey) -> Log:
    return Log(key)


def refused(lines: list[bytes], **given: object) -> tuple[str, dict[str, object]]:
    with pytest.raises(InputError) as caught:
        verify_file(lines, **given)  # type: ignore[arg-type]
    assert caught.value.remedy("ar")
    return caught.value.code, dict(caught.value.details)


def test_whole_log_is_verified(log: Log) -> None:
    found = verify_file(log.lines())
    assert (found.kind, found.size, found.heads, found.keys) == ("export", 12, 3, (log.key.public,))
    assert (found.root, found.key_pinned, found.anchored) == (root_hash(12, log.node).hex(), False, 0)
    pinned = verify_file(log.lines(), anchors=[log.heads[0], log.heads[1]], keys=[log.key.public])
    assert (pinned.key_pinned, pinned.anchored) == (True, 8)


def test_anchor_between_the_heads_of_the_file_counts(log: Log) -> None:
    assert verify_file(log.lines(), anchors=[log.head(5)]).anchored == 5


def test_edit_is_found_and_narrowed_down(log: Log) -> None:
    lines = log.lines()
    place = lines.index(log.entries[5])
    lines[place] = lines[place].replace(b'"actor":"service"', b'"actor":"user:x"')
    assert refused(lines) == ("audit.edited", {"first": 3, "last": 7})
    assert refused(lines, anchors=[log.head(6)]) == ("audit.edited", {"first": 3, "last": 5})


def test_edit_of_the_first_entry_is_an_edit(log: Log) -> None:
    lines = log.lines()
    lines[1] = lines[1].replace(b'"log":"0"', b'"log":"1"')
    assert refused(lines)[0] == "audit.edited"
    assert refused(lines, anchors=[log.heads[0]])[0] == "audit.edited"


def test_deletion_is_found(log: Log) -> None:
    lines = log.lines()
    lines.remove(log.entries[5])
    lines.remove(log.entries[6])
    assert refused(lines) == ("audit.missing", {"first": 5, "last": 6})


def test_deletion_with_numbers_closed_up_is_an_edit(log: Log) -> None:
    kept = [*log.entries[:5], *log.entries[6:]]
    closed = [canonical_json(json.loads(entry) | {"n": number}) for number, entry in enumerate(kept)]
    heads = [head.to_dict() | {"size": 11} if head.size == 12 else head.to_dict() for head in log.heads]
    forged = list(export_lines(closed, [SignedHead(**head) for head in heads]))
    assert refused(forged)[0] == "audit.edited"


@pytest.mark.parametrize("keep", [1, 2, 4, 9, 14, 15])
def test_truncation_is_found(log: Log, keep: int) -> None:
    assert refused(log.lines()[:keep])[0] == "audit.truncated"


def test_truncation_to_an_own_head_needs_a_head_from_elsewhere(log: Log) -> None:
    forged = list(export_lines(log.entries[:8], log.heads[:2]))
    assert verify_file(forged).size == 8  # nothing in the file can tell; the command says so
    assert refused(forged, anchors=[log.heads[2]]) == ("audit.truncated", {"found": 8, "expected": 12})


def test_swap_is_found(log: Log) -> None:
    lines = log.lines()
    first, second = lines.index(log.entries[4]), lines.index(log.entries[6])
    lines[first], lines[second] = lines[second], lines[first]
    assert refused(lines) == ("audit.swapped", {"expected": 4, "found": 6})


def test_swapped_heads_are_found(log: Log) -> None:
    lines = log.lines()
    places = [place for place, line in enumerate(lines) if line.startswith(b'{"head"')]
    lines[places[0]], lines[places[1]] = lines[places[1]], lines[places[0]]
    assert refused(lines)[0] in {"audit.missing", "audit.swapped"}


def test_appended_entry_is_found(log: Log) -> None:
    extra = canonical_entry(AuditEvent("screening.viewed", "a:b"), 12, AT)
    assert refused([*log.lines(), extra])[0] == "audit.edited"
    lines = [log.lines()[0].replace(b'"size":12', b'"size":13'), *log.lines()[1:], extra]
    assert refused(lines)[0] == "audit.truncated"


def test_whole_log_swapped_for_another_needs_head_or_key_from_elsewhere(
    log: Log, stranger: AuditKey, key: AuditKey
) -> None:
    other = Log(stranger, name="1").lines()
    assert verify_file(other).size == 12
    assert refused(other, keys=[key.public])[0] == "audit.key_differs"
    assert refused(other, anchors=[log.heads[0]])[0] == "audit.other_log"
    assert refused(Log(key, name="1").lines(), anchors=[log.heads[2]])[0] == "audit.other_log"
    assert refused(Log(key, 2, (2,), "1").lines(), anchors=[log.heads[2]])[0] == "audit.other_log"


def test_altered_head_is_found(log: Log) -> None:
    lines = log.lines()
    lines[-1] = lines[-1].replace(b"2026-01-02", b"2026-01-03")
    assert refused(lines)[0] == "audit.signature"


@given(st.data())
def test_any_altered_byte_is_found(key: AuditKey, data: st.DataObject) -> None:
    log = Log(key)
    lines = log.lines()
    number = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[number]) - 1))
    byte = data.draw(st.integers(32, 126).filter(lambda b: b != lines[number][place]))
    lines[number] = lines[number][:place] + bytes([byte]) + lines[number][place + 1 :]
    if number == 0:  # the header is a hint: what it says beside format and size is not signed
        return
    with pytest.raises(InputError):
        verify_file(lines, keys=[key.public])


@given(st.data())
def test_any_rearrangement_is_found(key: AuditKey, data: st.DataObject) -> None:
    lines = Log(key).lines()
    order = data.draw(st.permutations(range(1, len(lines))).filter(lambda o: list(o) != sorted(o)))
    with pytest.raises(InputError):
        verify_file([lines[0], *(lines[place] for place in order)])


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_anything_else_is_refused_in_order(first: bytes, second: bytes) -> None:
    with pytest.raises(InputError):
        verify_file([first, second])


@pytest.mark.parametrize(
    "line",
    [
        b"[]", b"{}", b'{"audit":"dafec.audit/2","size":0}', b'{"audit":"dafec.audit/1","size":"0"}', b"[" * 5000,
        b'{"receipt":1}', b'{"receipt":1,"head":{}}', b'{"advance":1,"head":null}',
    ],
)  # fmt: skip
def test_other_files_are_unreadable(line: bytes) -> None:
    assert refused([line])[0] == "audit.unreadable"


def test_receipt_shows_one_entry(log: Log) -> None:
    line = receipt(log.entries[5], 5, inclusion_proof(5, 12, log.node), log.heads[2])
    found = verify_file([line, b"\n"], anchors=[log.heads[0]], keys=[log.key.public])
    assert (found.kind, found.size) == ("receipt", 12)
    assert refused([line.replace(b"service", b"user:xx")])[0] == "audit.edited"
    assert refused([line.replace(b'"position":5', b'"position":4')])[0] == "audit.edited"


def test_advance_shows_that_a_log_only_grew(log: Log, key: AuditKey) -> None:
    line = advance(log.heads[0], consistency_proof(3, 12, log.node), log.heads[2])
    assert verify_file([line], anchors=[log.heads[0]]).anchored == 3
    other = Log(key, name="1")
    forged = advance(log.heads[0], consistency_proof(3, 12, other.node), other.heads[2])
    assert refused([forged])[0] == "audit.other_log"
    rewritten = SignedHead(**(other.heads[2].to_dict() | {"log": log.heads[0].log}))
    signed = key.sign(rewritten.log, 12, bytes.fromhex(rewritten.root), AT)
    assert refused([advance(log.heads[0], consistency_proof(3, 12, other.node), signed)])[0] == "audit.edited"
    assert refused([line], anchors=[log.heads[1]])[0] == "audit.truncated"


def test_heads_and_keys_survive_their_texts(log: Log, tmp_path: Path) -> None:
    head = log.heads[1]
    assert parse_head(json.dumps(head.to_dict())) == head
    assert parse_head(json.dumps({"head": head.to_dict()})) == head
    key = AuditKey(tmp_path / "k" / "audit.key")
    assert key.created
    assert not AuditKey(tmp_path / "k" / "audit.key").created
    assert read_public_key((tmp_path / "k" / "audit.pub").read_bytes()) == key.public
    assert read_public_key(key.public.encode()) == key.public
    assert stat.S_IMODE((tmp_path / "k" / "audit.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o700
    for wrong in (b"", b"no key", b"g" * 64):
        with pytest.raises(InputError):
            read_public_key(wrong)


def test_unusable_key_file_is_told_and_left(tmp_path: Path) -> None:
    file = tmp_path / "audit.key"
    file.write_bytes(b"not a key")
    with pytest.raises(InstallationError) as caught:
        AuditKey(file)
    assert caught.value.code == "keys.unusable"
    assert file.read_bytes() == b"not a key"
    (tmp_path / "file").write_text("x")
    with pytest.raises(InstallationError):
        AuditKey(tmp_path / "file" / "audit.key")


@pytest.mark.parametrize(
    "make",
    [
        lambda: AuditEvent("passport.read"),
        lambda: AuditEvent("screening.viewed", "MUSTERFRAU SAMPLE"),
        lambda: AuditEvent("screening.viewed", details={"holder": "x"}),
        lambda: AuditEvent("screening.viewed", details={"reason": "MUSTERFRAU"}),
        lambda: AuditEvent("screening.viewed", details={"reason": "X12345678"}),
        lambda: AuditEvent("screening.viewed", details={"page": 0.5}),  # type: ignore[dict-item]
        lambda: AuditEvent("screening.viewed", actor="Anna Musterfrau"),
    ],
)
def test_personal_data_fit_nowhere(make: Callable[[], AuditEvent]) -> None:
    with pytest.raises(ValueError, match="audit log") as caught:
        make()
    assert "MUSTERFRAU" not in str(caught.value)


def test_who_acts_is_known_without_being_handed_on() -> None:
    assert AuditEvent("screening.viewed").actor == "service"
    with acting("user:abc"):
        assert AuditEvent("screening.viewed").actor == "user:abc"
        assert AuditEvent("screening.viewed", actor="desk:1").actor == "desk:1"
    assert AuditEvent("screening.viewed").actor == "service"


def test_every_action_is_explained() -> None:
    assert all(len(meaning) > 15 for meaning in ACTIONS.values())
