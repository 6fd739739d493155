#!/usr/bin/env python3
"""Writes common/protocol/saslprep_tables.inc: what SASLprep (RFC 4013) needs of stringprep's tables (RFC 3454, Unicode 3.2) and of Unicode's normalisation form KC."""
import os
import stringprep
import unicodedata

OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "common", "protocol", "saslprep_tables.inc")
ALL = [c for c in range(0x110000)]


def ranges(test):
    found = []
    for c in ALL:
        if not test(chr(c)):
            continue
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def prohibited(c):
    s = stringprep
    return any(t(c) for t in (s.in_table_a1, s.in_table_c12, s.in_table_c21_c22, s.in_table_c3, s.in_table_c4, s.in_table_c5, s.in_table_c6, s.in_table_c7,
                              s.in_table_c8, s.in_table_c9))


def wrap(items, per_line):
    return "\n".join("    " + " ".join(items[i:i + per_line]) for i in range(0, len(items), per_line))


def emit(name, kind, items, per_line):
    return f"constexpr {kind} {name}[] = {{\n{wrap(items, per_line)}\n}};\n"


parts = ["// Made by tools/gen_saslprep.py.\n"]
for name, test in (("kToSpace", stringprep.in_table_c12), ("kToNothing", stringprep.in_table_b1), ("kProhibited", prohibited), ("kRightToLeft", stringprep.in_table_d1),
                   ("kLeftToRight", stringprep.in_table_d2)):
    parts.append(emit(name, "Range", [f"{{0x{a:X}, 0x{b:X}}}," for a, b in ranges(test)], 8))

decompositions, chars, classes, compositions = [], [], [], []
for c in ALL:
    s = chr(c)
    if stringprep.in_table_a1(s) or 0xD800 <= c <= 0xDFFF:
        continue
    k = unicodedata.combining(s)
    if k:
        if classes and classes[-1][1] == c - 1 and classes[-1][2] == k:
            classes[-1][1] = c
        else:
            classes.append([c, c, k])
    if 0xAC00 <= c <= 0xD7A3:
        continue
    d = unicodedata.normalize("NFKD", s)
    if d != s:
        decompositions.append((c, len(chars), len(d)))
        chars += [ord(x) for x in d]
    pair = unicodedata.decomposition(s).split()
    if len(pair) == 2 and "<" not in pair[0] and unicodedata.normalize("NFC", chr(int(pair[0], 16)) + chr(int(pair[1], 16))) == s:
        compositions.append((int(pair[0], 16), int(pair[1], 16), c))
parts.append(emit("kClasses", "ClassRange", [f"{{0x{a:X}, 0x{b:X}, {k}}}," for a, b, k in classes], 7))
parts.append(emit("kDecompositions", "Decomposition", [f"{{0x{c:X}, {at}, {n}}}," for c, at, n in decompositions], 9))
parts.append(emit("kDecomposed", "char32_t", [f"0x{c:X}," for c in chars], 20))
parts.append(emit("kCompositions", "Composition", [f"{{0x{a:X}, 0x{b:X}, 0x{c:X}}}," for a, b, c in sorted(compositions)], 6))
with open(OUT, "w") as f:
    f.write("".join(parts))
