#!/usr/bin/env python3
"""The include order of ARCHITECTURE.md, as a test: a folder includes only itself and what is left of it."""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENGINE = ["region", "storage", "wal", "buffer", "txn", "types", "access", "catalog", "sql/ast", "sql/parse", "sql/analyze", "sql/plan", "exec", "ddl",
          "session", "worker", "main"]
RANK = {f"postgres/{name}": rank + 1 for rank, name in enumerate(ENGINE)}
RANK["common"] = 0
RANK["postgres/buffer"] = RANK["postgres/wal"]          # they know each other's plain types
RANK["postgres/inspect"] = RANK["postgres/worker"]      # a decoder of files, used by main only
ALONE = {"postmaster", "frontend"}                      # only common and themselves
ALLOWED_LIBRARIES = {
    r"pg_query": {"postgres/sql/parse"},
    r"uv\.h": {"postmaster"},
    r"pcre2": {"postgres/types"},
    r"nlohmann": {"postgres", "postmaster", "frontend", "test"},
}


def layer(path):
    for name in sorted(RANK, key=len, reverse=True):
        if path.startswith(name + "/"):
            return name
    top = path.split("/")[0]
    return top if top in ALONE else None


def problems(path):
    here, test = layer(path), path.endswith("_test.cc") or os.path.basename(path).startswith("test_")
    for number, line in enumerate(open(os.path.join(TOP, path), encoding="utf-8"), 1):
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not include:
            continue
        target = include.group(2)
        if include.group(1) == "<":
            for pattern, folders in ALLOWED_LIBRARIES.items():
                if re.match(pattern, target) and not any(path.startswith(f + "/") for f in folders) and not test:
                    yield f"{path}:{number}: only {', '.join(sorted(folders))} may include <{target}>"
            continue
        there = layer(target)
        if there is None:
            if not os.path.exists(os.path.join(TOP, target)):
                yield f"{path}:{number}: \"{target}\" is not a path from the top of the repository"
            continue
        if here == there or there == "common" or here is None:
            continue
        if here in ALONE or there in ALONE or (RANK[there] > RANK[here] and not test):
            yield f"{path}:{number}: {here} may not include {there}"


def main():
    count, bad = {}, {}
    for folder in ("common", "postgres", "postmaster", "frontend"):
        for root, _, files in os.walk(os.path.join(TOP, folder)):
            for name in files:
                if name.endswith((".h", ".cc", ".inc")):
                    path = os.path.relpath(os.path.join(root, name), TOP)
                    key = layer(path) or "elsewhere"
                    count[key] = count.get(key, 0) + 1
                    bad.setdefault(key, []).extend(problems(path))
    for key in sorted(count):
        for problem in bad[key]:
            print(problem)
        print(("not ok" if bad[key] else "ok") + f" layers: {key} ({count[key]} files)")
    return 1 if any(bad.values()) or not count else 0


sys.exit(main())
