#!/usr/bin/env python3
"""make_man.py PAGE.in [PROGRAM | SETTINGS_TABLE]: the man page on standard output.

PAGE.in is troff in which three lines are replaced, so that a page cannot say anything else than the program does:
@SYNOPSIS@ (the usage lines of PROGRAM --help), @OPTIONS@ (its options), @SETTINGS@ (the table of common/settings/settings_table.inc).
"""
import re
import subprocess
import sys

WHEN = {"kInternal": "fixed", "kPostmaster": "restart", "kSighup": "reload", "kSuperuserBackend": "connection, superuser", "kBackend": "connection",
        "kSuperuser": "SET, superuser", "kUser": "SET"}


def troff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "...")
    return "\\&" + text if text.startswith(".") else text


def tidy(option):
    """An option of --help without CLI11's marks: {false} of negations, and what values are allowed (the text says it)."""
    option = option.replace("{false}", "")
    return re.sub(r":value in .*", "", option).replace(" TEXT", " VALUE").replace(" INT", " NUMBER").replace(" ...", "")


def split_help(text):
    """The usage lines, and the rest as (option, description) pairs with None as option for a heading, and paragraphs as (None, None, text)."""
    usage, items, lines, in_usage = [], [], text.splitlines(), False
    for line in lines[1:]:
        start = re.match(r"usage: *(.*)", line, re.I)
        if start:
            in_usage = True
            if start[1]:
                usage.append(start[1])
            continue
        if not line.strip():
            in_usage = in_usage and not usage
            continue
        if in_usage and line.startswith(" "):
            usage.append(line.strip())
            continue
        in_usage = False
        option = re.match(r" +(-\S.*?)(?:  +(\S.*))?$", line)
        positional = re.match(r"  ([A-Z]+)(?: TEXT| REQUIRED| \.\.\.)*  +(\S.*)$", line)
        if option:
            items.append([tidy(option[1]), option[2] or ""])
        elif positional:
            items.append([positional[1], positional[2]])
        elif line.startswith(" ") and items and items[-1][0]:
            items[-1][1] = (items[-1][1] + " " + line.strip()).strip()
        elif line.rstrip().endswith(":"):
            items.append([None, line.strip()[:-1]])
        else:
            items.append(["", line.strip()])
    return usage, items


def synopsis(usage):
    out = []
    for line in usage:
        name, _, rest = line.partition(" ")
        words = re.split(r" {2,}", rest, maxsplit=1)   # the arguments, and perhaps a remark on them
        remark = f"\n.RI ( {troff(re.sub(r'^[(](.*)[)]$', chr(92) + '1', words[1])).replace(' ', chr(92) + ' ')} )" if len(words) > 1 else ""
        out.append(f".B {troff(name)}\n{troff(words[0])}{remark}")
    return "\n.br\n".join(out)


def options(items):
    out = []
    for option, text in items:
        if option is None:
            if text not in ("Options", "Positionals"):
                out.append(f".SS {troff(text)}")
        elif option == "":
            out.append(f".PP\n{troff(text)}")
        else:
            out.append(f".TP\n.B {troff(option)}\n{troff(text)}")
    return "\n".join(out)


def in_unit(value, unit):
    return f"{value} \u00d7 8kB" if unit == "8kB" and value.isdigit() and value != "0" else value + (unit if value.lstrip("-").isdigit() and value not in ("0", "-1") else "")


def settings(path):
    out = []
    for line in open(path, encoding="utf-8"):
        m = re.match(r'\{"([^"]+)", SettingType::k(\w+), SettingContext::(\w+), "([^"]*)", "((?:[^"\\]|\\.)*)", [^,]+, [^,]+, "([^"]*)"', line)
        if not m:
            continue
        name, kind, context, unit, boot, allowed = m.groups()
        boot = boot.replace('\\"', '"')
        what = "one of " + allowed.replace(",", ", ") if allowed else {"Bool": "on or off", "Int": "integer", "Real": "number"}.get(kind, "text")
        default = f"default {in_unit(boot, unit)}" if boot else "empty by default"
        out.append(f".TP\n.B {troff(name)}\n{troff(what)}; {troff(default)}; {WHEN[context]}")
    return "\n".join(out).replace("\u00d7", "\\(mu")


def main():
    page, source = open(sys.argv[1], encoding="utf-8").read(), sys.argv[2] if len(sys.argv) > 2 else None
    if "@SETTINGS@" in page:
        page = page.replace("@SETTINGS@", settings(source))
    elif source:
        usage, items = split_help(subprocess.run([source, "--help"], stdout=subprocess.PIPE, check=True, text=True).stdout)
        page = page.replace("@SYNOPSIS@", synopsis(usage)).replace("@OPTIONS@", options(items))
    sys.stdout.write(page)


main()
