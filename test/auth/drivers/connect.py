"""connect.py CONNINFO: psycopg2. Prints the user, or the error."""
import sys

import psycopg2

try:
    with psycopg2.connect(sys.argv[1]) as c, c.cursor() as cursor:
        cursor.execute("SELECT current_user, %s::int + 1", (41,))
        print(cursor.fetchone()[0])
except psycopg2.Error as e:
    print(e)
    sys.exit(2)
