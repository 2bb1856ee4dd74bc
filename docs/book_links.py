#!/usr/bin/env python3
"""Preprocessor of mdBook: links to files beside docs/ lead to the sources, which are no part of the book."""

import json
import re
import sys
from pathlib import PurePosixPath

SOURCES = "https://github.com/arqueta/arqueta/blob/main/"


def outside(link, page):
    """Where a link leads from a page of docs/, if that is not in the book."""
    if re.match(r"[a-z]+:|#", link):
        return None
    parts = []
    for part in (PurePosixPath("docs") / PurePosixPath(page).parent / link).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return None if parts[:1] == ["docs"] else SOURCES + "/".join(parts)


def rewrite(items):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if not chapter:
            continue
        page = chapter.get("source_path") or chapter.get("path") or "SUMMARY.md"
        chapter["content"] = re.sub(
            r"\]\(([^)\s]+)\)", lambda found: f"]({outside(found[1], page) or found[1]})", chapter["content"])
        rewrite(chapter["sub_items"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0)
    _, book = json.load(sys.stdin)
    rewrite(book.get("items") or book.get("sections") or [])
    json.dump(book, sys.stdout)
