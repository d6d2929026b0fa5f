"""The figures of a run: written after every point, so that an interrupted run loses nothing and goes on."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

__all__ = ["Book", "Row"]

Row = dict[str, Any]


class Book:
    """Rows by part and point in one file of JSON."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "gpu.json"
        held = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        self.about: Row = held.get("about", {})
        self.rows: list[Row] = held.get("rows", [])

    def has(self, part: str, point: str) -> bool:
        """Whether a run has this point, and without a failure."""
        own = [row for row in self.rows if (row["part"], row["point"]) == (part, point)]
        return bool(own) and not any(row.get("failed") for row in own)

    def forget(self, part: str, point: str) -> None:
        """Take out the rows of a point."""
        self.rows = [row for row in self.rows if (row["part"], row["point"]) != (part, point)]

    def add(self, part: str, point: str, row: Row) -> None:
        """Note a row of a point."""
        self.rows.append({"part": part, "point": point, **_short(row)})
        self.save()

    def save(self) -> None:
        lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in self.rows)
        about = json.dumps(self.about, indent=1, ensure_ascii=False)
        new = self.path.with_suffix(".new")
        new.write_text(f'{{"about": {about},\n"rows": [\n{lines}\n]}}\n', "utf-8")
        os.replace(new, self.path)

    def find(self, part: str, **wanted: Any) -> Row | None:
        """The first row of a part with these values."""
        return next((r for r in self.rows if r["part"] == part and wanted.items() <= r.items()), None)


def _short(row: Row) -> Row:
    """Four digits, because more would be noise; what is no number is left out."""
    return {
        key: float(f"{value:.4g}") if isinstance(value, float) else value
        for key, value in row.items()
        if not (isinstance(value, float) and math.isnan(value))
    }
