# SPDX-License-Identifier: Apache-2.0
"""Values for $name in SQL: bound, so that none of them becomes part of its text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError
from airflow_provider_cosinv.table.relation import Relation
from tests.table.tables import opened, some_rows

HOSTILE = "' UNION ALL SELECT content FROM read_text('/etc/passwd') --"


@pytest.fixture(scope="module")
def relation() -> Iterator[Relation]:
    with opened([some_rows(10)], rows=10) as table:
        yield table


def ask(relation: Relation, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in relation.fetch(sql, max_rows=100, parameters=parameters).rows]


@pytest.mark.parametrize(
    "value",
    [1, -(2**63), 1.5, True, None, "", "图片/", HOSTILE, "$least", ["a", HOSTILE], {"a": [1, 2]}],
    ids=["int", "long", "float", "bool", "null", "empty", "chinese", "hostile", "name", "list", "mapping"],
)
def test_value_comes_back_as_it_was_given(relation: Relation, value: Any) -> None:
    assert ask(relation, "SELECT $value AS found", value=value) == [(value,)]


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("SELECT Key FROM inventory WHERE Size >= $least ORDER BY 1", {"least": 8}, [("k/8",), ("k/9",)]),
        ("SELECT Key FROM inventory WHERE Size>=$least ORDER BY 1", {"least": "8"}, [("k/8",), ("k/9",)]),
        ("SELECT count(*) AS n FROM inventory WHERE Key IN $keys", {"keys": ["k/1", "k/2", "x"]}, [(2,)]),
        ("SELECT Key FROM inventory ORDER BY Key LIMIT $limit;", {"limit": 1}, [("k/0",)]),
        ("SELECT $a AS a, $A AS b, $a + 1 AS c", {"a": 1}, [(1, 1, 2)]),
        ("SELECT $name AS a", {"NAME": "x"}, [("x",)]),
        ('SELECT $"two words" AS a, $从 AS b', {"two words": 1, "从": 2}, [(1, 2)]),
        ("SELECT '$a' || $a AS a, \"$a\" AS b FROM (SELECT 'c' AS \"$a\")", {"a": "x"}, [("$ax", "c")]),
        ("SELECT $a AS a -- $b\n, $$ $a $$ AS b, $t$ $a $t$ AS c", {"a": "图"}, [("图", " $a ", " $a ")]),
        ("SELECT '图图' AS a, /* $b */ $a AS b", {"a": "x"}, [("图图", "x")]),
        ("SELECT $end AS a, $from AS b", {"end": 1, "from": 2}, [(1, 2)]),
        ("SELECT a$b AS a FROM (SELECT 1 AS a$b)", {}, [(1,)]),
    ],
    ids=[
        "number",
        "text-as-number",
        "list",
        "limit",
        "twice",
        "upper-case",
        "quoted-and-unicode",
        "in-quotes",
        "in-comments",
        "behind-unicode",
        "keywords",
        "dollar-in-name",
    ],
)
def test_parameter_stands_for_its_value(
    relation: Relation, sql: str, parameters: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    assert ask(relation, sql, **parameters) == expected


def test_saved_query_and_check_take_parameters(relation: Relation, tmp_path: Path) -> None:
    sql = "SELECT Key FROM inventory WHERE Key = $key"
    relation.check(sql, parameters={"key": HOSTILE})
    assert relation.save(sql, tmp_path / "a.csv", options="FORMAT csv", parameters={"key": "k/1"}) == 1
    assert relation.save(sql, tmp_path / "b.csv", options="FORMAT csv", parameters={"key": HOSTILE}) == 0


@pytest.mark.parametrize(
    ("sql", "parameters", "message", "parameter"),
    [
        ("SELECT $a, $b", {"a": 1}, r"without a value: \$b", "parameters"),
        ("SELECT $a", None, r"without a value: \$a", "parameters"),
        ("SELECT $a", {"a": 1, "b": 2}, r"no parameter \$b", "parameters"),
        ("SELECT 1", {"b": 2}, r"no parameter \$b", "parameters"),
        ("SELECT $a", {"a": 2**200}, "value of the parameter a", "parameters"),
        ("SELECT $a", {"a": object()}, "value of the parameter a", "parameters"),
        ("SELECT $a", [1], "not a mapping", "parameters"),
        ("SELECT $a", {1: 1}, "not a mapping", "parameters"),
        ("SELECT ?", {}, "without a name", "sql"),
        ("SELECT $1", {"1": 1}, "without a name", "sql"),
    ],
    ids=["missing", "none", "unknown", "of-no-sql", "large", "strange", "sequence", "keys", "mark", "number"],
)
def test_wrong_parameters_are_named(
    relation: Relation, sql: str, parameters: Any, message: str, parameter: str
) -> None:
    with pytest.raises(COSInventoryConfigurationError, match=message) as raised:
        relation.fetch(sql, max_rows=1, parameters=parameters)
    assert raised.value.parameter == parameter
