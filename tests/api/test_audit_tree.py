"""The tree against the recursive definitions of RFC 9162, written out here a second time and without any cleverness."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.security.audit_tree import (
    CompactTree,
    completed_nodes,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)


def mth(entries: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), mth(entries[:k])]


class Kept:
    """A log that keeps complete nodes, as the store does."""

    def __init__(self, entries: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        for position, entry in enumerate(entries):
            leaf = leaf_hash(entry)
            self.nodes[0, position] = leaf
            for level, index, value in completed_nodes(position, leaf, self):
                self.nodes[level, index] = value

    def __call__(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


logs = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_root_is_that_of_the_definition(entries: list[bytes]) -> None:
    compact = CompactTree()
    for entry in entries:
        compact.append(leaf_hash(entry))
    assert compact.root() == root_hash(len(entries), Kept(entries)) == mth(entries)
    assert compact.size == len(entries)


def test_known_root() -> None:
    """The test vector of certificate-transparency's first log: eight leaves."""
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert root_hash(8, Kept([bytes.fromhex(leaf) for leaf in leaves])).hex() == root


@given(logs, st.data())
def test_inclusion_proof_is_that_of_the_definition_and_holds(entries: list[bytes], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(entries) - 1))
    proof = inclusion_proof(position, len(entries), Kept(entries))
    assert proof == path(position, entries)
    assert verify_inclusion(leaf_hash(entries[position]), position, len(entries), proof, mth(entries))


@given(logs, st.data())
def test_inclusion_proof_of_something_else_does_not_hold(entries: list[bytes], data: st.DataObject) -> None:
    size = len(entries)
    position = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(position, size, Kept(entries))
    root, leaf = mth(entries), leaf_hash(entries[position])
    assert not verify_inclusion(leaf_hash(entries[position] + b"x"), position, size, proof, root)
    assert not verify_inclusion(leaf, position, size, [*proof, bytes(32)], root)
    assert not verify_inclusion(leaf, position, size, proof, bytes(32))
    assert not verify_inclusion(leaf, size, size, proof, root)
    if proof:
        assert not verify_inclusion(leaf, position, size, proof[:-1], root)
        assert not verify_inclusion(leaf, position, size, [bytes(32), *proof[1:]], root)
    for other in range(size):
        if other != position and leaf_hash(entries[other]) != leaf:
            assert not verify_inclusion(leaf, other, size, proof, root)


@given(logs, st.data())
def test_consistency_proof_is_that_of_the_definition_and_holds(entries: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(entries)))
    proof = consistency_proof(first, len(entries), Kept(entries))
    assert proof == subproof(first, entries, whole=True)
    assert verify_consistency(first, len(entries), proof, mth(entries[:first]), mth(entries))


@given(logs, st.data())
def test_consistency_proof_of_a_rewritten_log_does_not_hold(entries: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(entries)))
    changed = list(entries)
    changed[data.draw(st.integers(0, first - 1))] += b"x"
    proof = consistency_proof(first, len(entries), Kept(changed))
    assert not verify_consistency(first, len(entries), proof, mth(entries[:first]), mth(changed))
    honest = consistency_proof(first, len(entries), Kept(entries))
    assert not verify_consistency(first, len(entries), honest, mth(entries[:first]), mth(changed))
    assert not verify_consistency(first, len(entries), [*honest, bytes(32)], mth(entries[:first]), mth(entries))
    if honest:
        assert not verify_consistency(first, len(entries), honest[:-1], mth(entries[:first]), mth(entries))


def test_proofs_of_what_is_not_there_are_refused() -> None:
    kept = Kept([b"a", b"b"])
    for position in (-1, 2):
        with pytest.raises(ValueError, match="position"):
            inclusion_proof(position, 2, kept)
    for first in (0, 3):
        with pytest.raises(ValueError, match="first log"):
            consistency_proof(first, 2, kept)
        assert not verify_consistency(first, 2, [], bytes(32), bytes(32))
