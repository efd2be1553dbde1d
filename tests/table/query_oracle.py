# SPDX-License-Identifier: Apache-2.0
"""What the ready-made queries have to answer, in plain Python that shares nothing with their SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

#: A row by the columns of the report; None for an empty field.
Row: TypeAlias = dict[str, Any]

GB = 1024**3
COLUMNS = (
    "Key",
    "VersionId",
    "IsLatest",
    "IsDeleteMarker",
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "ReplicationStatus",
)


def listed_once(rows: Iterable[Row]) -> list[Row]:
    """One row for each object or version: the one that was modified last."""
    found: dict[tuple[str, str | None], Row] = {}
    for row in rows:
        identity = row["Key"], row["VersionId"]
        other = found.get(identity)
        if other is None or _when(row) > _when(other):
            found[identity] = row
    return list(found.values())


def _when(row: Row) -> float:
    return -1.0 if row["LastModifiedDate"] is None else row["LastModifiedDate"].timestamp()


def _is_object(row: Row) -> bool:
    # What nothing is known of is an object.
    return row["IsDeleteMarker"] is not True


def _size(rows: Iterable[Row]) -> int:
    return sum(row["Size"] or 0 for row in rows)


def prefix_of(key: str, depth: int) -> str:
    folders = key.split("/")[:-1]
    return "".join(f"{folder}/" for folder in folders[:depth])


def _class_of(row: Row) -> str | None:
    name = row["StorageClass"]
    return None if name is None else name.upper().replace("_", "")


def _shown(rows: Sequence[Row]) -> str | None:
    return max((row["StorageClass"].upper() for row in rows if row["StorageClass"] is not None), default=None)


def _last(value: Any) -> tuple[bool, Any]:
    """A key to sort by, None last."""
    return value is None, value if value is not None else 0


def _grouped(rows: Sequence[Row], key: Callable[[Row], Any]) -> list[list[Row]]:
    groups: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return list(groups.values())


def _add_shares(lines: list[Row], column: str) -> None:
    total = sum(line[column] for line in lines)
    for line in lines:
        line["share"] = line[column] / total if total else None


def _counted(rows: Sequence[Row]) -> Row:
    objects = [row for row in rows if _is_object(row)]
    return {"objects": len(objects), "delete_markers": len(rows) - len(objects), "bytes": _size(objects)}


def _sums(rows: Sequence[Row], names: dict[str, Callable[[Row], Any]], *, limit: int | None = None) -> list[Row]:
    lines = []
    for group in _grouped(rows, lambda row: tuple(read(row) for read in names.values())):
        shown = {name: _shown(group) if name == "storage_class" else read(group[0]) for name, read in names.items()}
        lines.append({**shown, **_counted(group)})
    lines.sort(key=lambda line: (-line["bytes"], -line["objects"], *(_last(line[name]) for name in names)))
    _add_shares(lines, "bytes")
    return lines[:limit]


def _in_folder(depth: int) -> Callable[[Row], str]:
    return lambda row: prefix_of(row["Key"], depth)


def by_storage_class(rows: Sequence[Row]) -> list[Row]:
    return _sums(rows, {"storage_class": _class_of})


def by_prefix(rows: Sequence[Row], *, depth: int = 1, limit: int | None = None) -> list[Row]:
    lines = _sums(rows, {"prefix": _in_folder(depth)})
    total = sum(line["bytes"] for line in lines)
    so_far = 0
    for line in lines:
        so_far += line["bytes"]
        line["cumulative_share"] = so_far / total if total else None
    return lines[:limit]


def by_class_and_prefix(rows: Sequence[Row], *, depth: int = 1, limit: int | None = None) -> list[Row]:
    return _sums(rows, {"storage_class": _class_of, "prefix": _in_folder(depth)}, limit=limit)


def by_multipart(rows: Sequence[Row], *, depth: int = 1, limit: int | None = None) -> list[Row]:
    names = {"is_multipart_uploaded": lambda row: row["IsMultipartUploaded"], "prefix": _in_folder(depth)}
    return _sums(rows, names, limit=limit)


def by_replication_status(rows: Sequence[Row]) -> list[Row]:
    return _sums(
        rows, {"replication_status": lambda row: row["ReplicationStatus"] and row["ReplicationStatus"].upper()}
    )


def by_age(rows: Sequence[Row], *, now: datetime, edges: Sequence[int] = (7, 30, 90, 180, 365)) -> list[Row]:
    bounds = list(zip([0, *edges], [*edges, None], strict=True))
    names = ["future", *(f"{start}-{end} days" if end else f"{start}+ days" for start, end in bounds)]

    def place(row: Row) -> int | None:
        moment: datetime | None = row["LastModifiedDate"]
        if moment is None:
            return None
        if moment > now:
            return 0
        return 1 + sum(now - moment >= timedelta(days=edge) for edge in edges)

    lines = []
    for group in sorted(_grouped(rows, place), key=lambda group: _last(place(group[0]))):
        number = place(group[0])
        start, end = (None, None) if not number else bounds[number - 1]
        age = None if number is None else names[number]
        lines.append({"age": age, "from_days": start, "to_days": end, **_counted(group)})
    _add_shares(lines, "bytes")
    return lines


def largest_objects(rows: Sequence[Row], *, limit: int = 100) -> list[Row]:
    known = [row for row in rows if _is_object(row) and row["Size"] is not None]
    known.sort(key=lambda row: (-row["Size"], row["Key"], _last(row["VersionId"])))
    return [
        {
            "key": row["Key"],
            "version_id": row["VersionId"],
            "bytes": row["Size"],
            "storage_class": row["StorageClass"] and row["StorageClass"].upper(),
            "last_modified": row["LastModifiedDate"],
        }
        for row in known[:limit]
    ]


def duplicates(
    rows: Sequence[Row], *, min_bytes: int = 1, current_only: bool = False, limit: int | None = 100
) -> list[Row]:
    known = [
        row
        for row in rows
        if _is_object(row)
        and row["ETag"] is not None
        and (row["Size"] or 0) >= min_bytes
        and not (current_only and row["IsLatest"] is False)
    ]
    lines = [
        {
            "etag": group[0]["ETag"],
            "bytes": group[0]["Size"],
            "copies": len(group),
            "reclaimable_bytes": (len(group) - 1) * group[0]["Size"],
            "first_key": min(row["Key"] for row in group),
            "last_key": max(row["Key"] for row in group),
        }
        for group in _grouped(known, lambda row: (row["ETag"], row["Size"]))
        if len(group) > 1
    ]
    lines.sort(key=lambda line: (-line["reclaimable_bytes"], -line["bytes"], line["etag"]))
    _add_shares(lines, "reclaimable_bytes")
    return lines[:limit]


def noncurrent_versions(rows: Sequence[Row], *, depth: int = 1, limit: int | None = None) -> list[Row]:
    lines = []
    for group in _grouped(rows, lambda row: (_class_of(row), prefix_of(row["Key"], depth))):
        line: Row = {"storage_class": _shown(group), "prefix": prefix_of(group[0]["Key"], depth)}
        objects = [row for row in group if _is_object(row)]
        for state, is_latest in {"current": True, "noncurrent": False, "unknown": None}.items():
            of_state = [row for row in objects if row["IsLatest"] is is_latest]
            line |= {f"{state}_versions": len(of_state), f"{state}_bytes": _size(of_state)}
        lines.append({**line, "delete_markers": len(group) - len(objects)})
    lines.sort(
        key=lambda line: (
            -line["noncurrent_bytes"],
            -line["noncurrent_versions"],
            -line["delete_markers"],
            _last(line["storage_class"]),
            line["prefix"],
        )
    )
    _add_shares(lines, "noncurrent_bytes")
    return lines[:limit]


def deleted_keys(rows: Sequence[Row], *, depth: int = 1, limit: int | None = None) -> list[Row]:
    lines: defaultdict[str, Row] = defaultdict(
        lambda: dict.fromkeys(
            (
                "keys",
                "keys_without_versions",
                "keys_with_versions",
                "hidden_versions",
                "hidden_bytes",
                "older_delete_markers",
                "unknown_keys",
            ),
            0,
        )
    )
    for versions in _grouped(rows, lambda row: row["Key"]):
        markers = [row for row in versions if not _is_object(row)]
        objects = [row for row in versions if _is_object(row)]
        latest = [row for row in versions if row["IsLatest"] is True]
        prefix = prefix_of(versions[0]["Key"], depth)
        if any(not _is_object(row) for row in latest):
            line = lines[prefix]
            line["keys"] += 1
            line["keys_with_versions" if objects else "keys_without_versions"] += 1
            line["hidden_versions"] += len(objects)
            line["hidden_bytes"] += _size(objects)
            line["older_delete_markers"] += len(markers) - 1
        elif not latest and any(row["IsLatest"] is None for row in markers):
            lines[prefix]["unknown_keys"] += 1
    found = [{"prefix": prefix, **line} for prefix, line in lines.items()]
    found.sort(key=lambda line: (-line["hidden_bytes"], -line["keys"], -line["unknown_keys"], line["prefix"]))
    return found[:limit]


def storage_cost(
    rows: Sequence[Row], *, prices: dict[str, float], minimum_bytes: dict[str, int] | None = None
) -> list[Row]:
    price_of = {name.upper().replace("_", ""): price for name, price in prices.items()}
    least_of = {name.upper().replace("_", ""): least for name, least in (minimum_bytes or {}).items()}
    lines = []
    for group in _grouped(rows, _class_of):
        name = _class_of(group[0])
        objects = [row for row in group if _is_object(row)]
        billed = sum(max(row["Size"], least_of.get(name or "", 0)) for row in objects if row["Size"] is not None)
        price = price_of.get(name or "")
        is_known = all(row["Size"] is not None for row in objects)
        cost = 0.0 if billed == 0 else None if price is None else billed / GB * price
        lines.append(
            {
                "storage_class": _shown(group),
                **_counted(group),
                "billed_bytes": billed,
                "billed_gb": billed / GB,
                "price": price,
                "cost": cost if is_known else None,
            }
        )
    spelled = {name.upper().replace("_", ""): name.upper() for name in [*(minimum_bytes or {}), *prices]}
    nothing = {**_counted([]), "billed_bytes": 0, "billed_gb": 0.0}
    lines += [
        {"storage_class": spelled[name], **nothing, "price": price_of.get(name), "cost": 0.0}
        for name in spelled.keys() - {_class_of(row) for row in rows}
    ]
    lines.sort(key=lambda line: (line["cost"] is not None, -(line["cost"] or 0), _last(line["storage_class"])))
    costs = [line["cost"] for line in lines]
    for line in lines:
        line["total_cost"] = None if None in costs else sum(costs)
    return lines


#: What each query answers, by its name.
ORACLE: dict[str, Callable[..., list[Row]]] = {
    query.__name__: query
    for query in (
        by_storage_class,
        by_prefix,
        by_class_and_prefix,
        by_age,
        largest_objects,
        duplicates,
        by_multipart,
        noncurrent_versions,
        deleted_keys,
        by_replication_status,
        storage_cost,
    )
}
