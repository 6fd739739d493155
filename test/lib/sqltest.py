"""SQL files: run by unmodified psql in a database of their own; what psql prints is the result."""
import difflib
import glob
import os

import server

FOLDER = os.path.join(server.REPO, "test/sql")
ARGS = ("-a", "-q", "-v", "VERBOSITY=verbose", "-v", "HIDE_TABLEAM=on")


def files(names):
    """Paths of the named SQL files, or of all."""
    found = sorted(glob.glob(os.path.join(FOLDER, "*.sql")))
    return [p for p in found if not names or os.path.basename(p)[:-4] in names]


def own(path):
    """Files whose expected output is Postern's, not PostgreSQL's."""
    return path.endswith("_postern.sql")


def expected_path(path):
    return path[:-4] + ".out"


def run(srv, path):
    name = "t_" + os.path.basename(path)[:-4]
    created = srv.psql(f'CREATE DATABASE "{name}"')
    if "ERROR" in created or "error" in created:
        return created
    output = srv.psql(open(path, encoding="utf-8").read(), name, ARGS)
    return "".join(line + "\n" for line in output.splitlines() if not line.startswith("LOCATION:"))


def difference(a, b, a_name, b_name):
    return "\n".join(difflib.unified_diff(a.splitlines(), b.splitlines(), a_name, b_name, lineterm="", n=4))
