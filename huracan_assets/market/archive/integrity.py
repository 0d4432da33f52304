"""Whether the bytes of an archive's file are those that were written, as far as anything tells.

Three things tell: a zip's CRC, which its reader checks; the CRC of a Parquet page, which few writers write (pyarrow
with `write_page_checksum`; polars writes none); and a file `NAME.CHECKSUM` beside it with its SHA-256, as the public
archive publishes them and `sha256sum NAME > NAME.CHECKSUM` makes them. A bit that flips in a Parquet page without any
of these is a number like others: the contract finds it where the bar becomes impossible (about two of five flips), and
nothing can find the rest. The same holds of a footer, which no CRC covers: most flips there cannot be read, but one in
an optional column's name makes that column absent. So write checksums beside Parquet files that matter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from huracan_assets.errors import MarketError

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def verify_checksum(path: Path) -> None:
    """Hold a file to the SHA-256 in `NAME.CHECKSUM` beside it; nothing is asked where that is absent.

    Raises:
        MarketError: the checksum is another one, or its file holds none.
    """
    beside = path.with_name(f"{path.name}.CHECKSUM")
    if not beside.is_file():
        return
    words = beside.read_text(encoding="utf-8", errors="replace").split()
    if not words or not _DIGEST.fullmatch(words[0]):
        raise MarketError(f"{beside} begins with no SHA-256: fetch it again, or remove it")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != words[0].lower():
        raise MarketError(f"{path} has not the SHA-256 of {beside.name}: fetch both again")


def verify_pages(path: Path, columns: Sequence[str]) -> None:
    """Hold the pages of these columns of a Parquet file to their own CRCs, where they have one.

    Raises:
        MarketError: a page is not what was written, or cannot be decoded.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            wanted = [name for name in columns if name in file.schema_arrow.names]
            for group in range(file.num_row_groups):
                file.read_row_group(group, columns=wanted)
    except (pa.ArrowException, OSError) as error:
        raise MarketError(f"{path} is damaged: fetch it again ({error})") from error
