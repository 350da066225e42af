"""Zip files that are the same bytes whenever and by whomever they are made."""

import io
import zipfile
from collections.abc import Collection, Mapping

FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
UNIX = 3
EXECUTABLE, PLAIN = 0o100755, 0o100644


def zipped(files: Mapping[str, bytes], executable: Collection[str] = ()) -> bytes:
    """Return a zip file of named contents, in their order; executable: the names of those that are programs.

    >>> zipped({"a": b"text"}) == zipped({"a": b"text"})
    True
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.create_system = UNIX  # which alone knows what may be run
            entry.external_attr = (EXECUTABLE if name in executable else PLAIN) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()
