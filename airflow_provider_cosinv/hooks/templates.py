# SPDX-License-Identifier: Apache-2.0
"""
Template fields that are text: what Airflow does to values happens to them only where it is meant.

Airflow's conventions act on every field of an operator. With ``template_ext`` a text in any field, and in any list or
mapping below it, names a file if it ends like one; ``render_template_as_native_obj`` makes a number, a list or None
of a text that Python reads as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_cosinv.exceptions import COSInventoryConfigurationError, quoted
from airflow_provider_cosinv.hooks.airflow_errors import failing_fast

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Those that are SQL, or name a file of it.
SQL_FIELDS = frozenset({"sql", "where"})
TEXT_FIELDS = SQL_FIELDS | {
    "account_id",
    "bucket",
    "cos_conn_id",
    "created_after",
    "created_before",
    "date",
    "destination",
    "destination_bucket",
    "destination_prefix",
    "encryption",
    "format",
    "frequency",
    "included_object_versions",
    "inventory_id",
    "prefix",
    "query",
    "region",
}
_SQL_FILE = ".sql"
# Python refuses to write thousands of digits. None of these texts has as many as this.
_LARGEST = 10**100


class TextFields(BaseOperator):
    """
    Renders its text fields as text, in every DAG; the first base of an operator or sensor that has such fields.

    In a DAG of native values, a template that is one expression gives the expression's value, and a whole number is
    taken as the digits that it has: a text is never read as Python, nor is one in a list or mapping. Only SQL may name
    a file.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. A bool is an int, too, and no text that anybody wrote."""
        is_number = name in TEXT_FIELDS and type(value) is int and abs(value) < _LARGEST
        super().__setattr__(name, str(value) if is_number else value)

    def resolve_template_files(self) -> None:
        """Read the SQL that is named by its file, when the DAG is parsed."""
        for name in self._text_fields():
            content: Any = getattr(self, name, None)
            if _names_file(name, content):
                setattr(self, name, self._template(name, content, self.get_template_env())[1])
        super().resolve_template_files()

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Any = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """
        Render a template.

        :param content: what Airflow takes out of a field, or of a list or mapping in one
        :param seen_oids: of values that are rendered already, or come from an XCom
        :raises AirflowFailException: if a file of SQL is not found, or nothing was rendered as the text None
        """
        if not isinstance(content, str) or id(content) in (seen_oids or ()):
            return super().render_template(content, context, jinja_env, seen_oids)
        name = next((name for name in self.template_fields if getattr(self, name, None) is content), None)
        if name is not None and name not in TEXT_FIELDS:
            # A list or mapping, as JSON or as Python writes it.
            return super().render_template(content, context, jinja_env, seen_oids)
        with failing_fast():
            template, _ = self._template(name, content, jinja_env or self.get_template_env())
            pieces = list(template.generate(context))
            value = pieces[0] if len(pieces) == 1 else "".join(str(piece) for piece in pieces)
            if value == "None" != content:
                raise COSInventoryConfigurationError(
                    f"The template {quoted(content)} of {name or 'a list or mapping'} gives None, which Jinja writes "
                    "as the text None.",
                    parameter=name,
                    hint="Write {{ … or '' }} in the template if it may be nothing.",
                )
        return value

    def _text_fields(self) -> list[str]:
        return [name for name in self.template_fields if name in TEXT_FIELDS]

    def _template(self, name: str | None, content: str, env: Any) -> tuple[Any, str]:
        """Return the template of a field, or of a text in a list or mapping, and its source."""
        if not _names_file(name, content):
            return env.from_string(content), content
        try:
            source = env.loader.get_source(env, content)[0] if env.loader else None
        except LookupError:  # Jinja's TemplateNotFound
            source = None
        if source is None:
            raise COSInventoryConfigurationError(
                f"{name} names the file {quoted(content)}, which does not exist beside the DAG.",
                parameter=name,
                hint="Correct the name, or give the DAG a template_searchpath. SQL that ends in .sql is a file's name: "
                "put a line feed behind it.",
            )
        return env.get_template(content), source


def plain(value: Any) -> Any:
    """
    Return a value with lists in place of other sequences: the output of a mapped task is one that reads itself lazily.

    :param value: value of a field that does not hold text
    """
    if isinstance(value, Mapping):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, list, tuple)):
        return list(value)
    return value


def _names_file(name: str | None, content: Any) -> bool:
    return name in SQL_FIELDS and isinstance(content, str) and content.endswith(_SQL_FILE) and "\n" not in content
