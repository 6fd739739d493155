"""What the client programs of this folder share: named cases that report "ok NAME"/"not ok NAME", and the server's address from the environment."""
import os
import sys
import traceback

host = os.environ.get("PGHOST", "127.0.0.1")
port = int(os.environ["PGPORT"])
user = os.environ.get("PGUSER", "postgres")
database = os.environ.get("PGDATABASE", "postgres")
_cases = []


def case(function):
    _cases.append(function)
    return function


def same(got, wanted):
    if got != wanted or type(got) is not type(wanted):
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def report(client, name, error=None):
    print(f"{'not ok' if error else 'ok'} clients/{client}: {name}")
    for line in (error or "").splitlines():
        print(f"#   {line}")
    sys.stdout.flush()


def name_of(function):
    return function.__name__.replace("_", " ")


def run(client, *args):
    """Runs every case with args; a failure never stops the others."""
    only = sys.argv[1:]
    for function in _cases:
        if only and function.__name__ not in only:
            continue
        try:
            function(*args)
            report(client, name_of(function))
        except Exception:
            report(client, name_of(function), traceback.format_exc(limit=-4))
