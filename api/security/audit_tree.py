"""The Merkle tree of the audit log, as RFC 9162 section 2.1 has it.

A leaf is ``SHA-256(0x00 || entry)``, a node ``SHA-256(0x01 || left || right)``; the tree over n leaves splits at the
largest power of two below n. Every subtree over ``2^level`` leaves that begins at a multiple of ``2^level`` is complete
and never changes again, so that a log keeps each of those once and needs a logarithmic number of them for a root, a
proof that an entry is in the log (section 2.1.3) or a proof that a longer log begins with a shorter one (2.1.4).

The functions take ``node(level, index) -> bytes``: the complete subtree over the leaves ``[index << level, (index + 1)
<< level)``. Where it keeps them is its own matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "EMPTY_ROOT",
    "CompactTree",
    "Node",
    "completed_nodes",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root_hash",
    "verify_consistency",
    "verify_inclusion",
]

Node = Callable[[int, int], bytes]

#: The root of a log without entries.
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactTree:
    """The root of a growing log in logarithmic memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # complete subtrees, largest first

    def append(self, leaf: bytes) -> None:
        """Adds the hash of a leaf."""
        carried, rest = leaf, self.size
        while rest & 1:
            carried = node_hash(self._peaks.pop(), carried)
            rest >>= 1
        self._peaks.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """The root over every leaf so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def completed_nodes(position: int, leaf: bytes, node: Node) -> Iterator[tuple[int, int, bytes]]:
    """The inner nodes that become complete when a leaf is added.

    Args:
        position: of the new leaf, 0-based.
        leaf: its hash.
        node: complete subtrees so far.

    Yields:
        Level from 1, index and hash.
    """
    level, index, carried = 0, position, leaf
    while index & 1:
        carried = node_hash(node(level, index - 1), carried)
        level, index = level + 1, index >> 1
        yield level, index, carried


def root_hash(size: int, node: Node) -> bytes:
    """The root over the first ``size`` leaves."""
    return EMPTY_ROOT if size == 0 else _subtree(0, size, node)


def inclusion_proof(position: int, size: int, node: Node) -> list[bytes]:
    """The proof that the leaf at ``position`` is in the log of ``size`` leaves: PATH of RFC 9162, 2.1.3.1.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= position < size:
        raise ValueError("the position is not in the log")
    proof: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if position < middle:
            proof.append(_subtree(middle, end, node))
            end = middle
        else:
            proof.append(_subtree(begin, middle, node))
            begin = middle
    return proof[::-1]


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """The proof that the log of ``second`` leaves begins with that of ``first``: PROOF of RFC 9162, 2.1.4.1.

    Raises:
        ValueError: ``first`` is not from 1 to ``second``.
    """
    if not 1 <= first <= second:
        raise ValueError("the first log must have at least one leaf and no more than the second")
    proof: list[bytes] = []
    begin, end, whole = 0, second, True
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            proof.append(_subtree(middle, end, node))
            end = middle
        else:
            proof.append(_subtree(begin, middle, node))
            begin, whole = middle, False
    if not whole:
        proof.append(_subtree(begin, end, node))
    return proof[::-1]


def verify_inclusion(leaf: bytes, position: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that ``leaf`` stands at ``position`` of the log with ``root``: RFC 9162, 2.1.3.2."""
    if not 0 <= position < size:
        return False
    index, last, found = position, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = node_hash(step, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = node_hash(found, step)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Whether the proof shows that the second log begins with the first: RFC 9162, 2.1.4.2."""
    if not 1 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    steps = list(proof)
    if first & (first - 1) == 0:  # the first log is a complete subtree of the second
        steps.insert(0, first_root)
    if not steps:
        return False
    index, last = first - 1, second - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, step)
        index, last = index >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(count: int) -> int:
    """The largest power of two below ``count``, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtree(begin: int, end: int, node: Node) -> bytes:
    """The hash over the leaves ``[begin, end)`` of a subtree of the log."""
    count = end - begin
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, begin >> level)
    middle = begin + _split(count)
    return node_hash(_subtree(begin, middle, node), _subtree(middle, end, node))
