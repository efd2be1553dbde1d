# SPDX-License-Identifier: Apache-2.0
"""Arrow batches as DuckDB takes them."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa


class ArrowStream:
    """
    Batches that are made while they are read, once.

    It has Arrow's C interface and nothing else: of a ``RecordBatchReader`` DuckDB would ask pyarrow to filter, in more
    threads and with more memory.

    :param schema: of the batches
    :param batches: asked for from DuckDB's threads, one at a time
    """

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
        self._schema = schema
        self._batches = batches

    def __arrow_c_schema__(self) -> object:
        """Return the schema; a plan needs no more."""
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the batches."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches).__arrow_c_stream__(requested_schema)
