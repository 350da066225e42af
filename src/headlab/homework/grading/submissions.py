"""What was handed in: the answer files of a folder, of the folders in it, and of zips as Canvas and Moodle give them out.

Nothing is unpacked onto the disk, no link is followed, and of no file more is read than an answer file may have.
"""

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from headlab.errors import HeadlabError
from headlab.files import open_plain, path_text
from headlab.homework.grading.answer_file import MOST_BYTES
from headlab.notation.numbers import size_of
from headlab.notation.values import listing

MOST_FILES = 20_000
MOST_FOLDERS = 20  # one within the other
MOST_ZIPS = 2  # one within the other: what a student packed, in what a course page packed
MOST_ZIPPED, MOST_ZIPPED_IN_ALL = 16 << 20, 256 << 20  # bytes of a zip within a zip, and of all of them
MOST_NAMES = 16 << 20  # bytes of a zip's list of names
END, END_64, LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
END_SIZE, END_64_SIZE, LOCATOR_SIZE, COMMENT = 22, 56, 20, 1 << 16
ANSWERS = ".txt"  # and whatever looks like one inside
HIDDEN = ("__MACOSX", "Thumbs.db", "desktop.ini")
_KIND = re.compile(rb'"headlab"\s*:\s*"answer"')
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)


@dataclass(frozen=True)
class Submitted:
    """A file that may be an answer: where it is, `zip/name` within a zip, and its content."""

    place: str
    data: bytes


@dataclass
class Submissions:
    """What was found: files to grade, by place; why others were refused; what looks like no answer file, and was left out."""

    files: list[Submitted] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    _room: int = MOST_ZIPPED_IN_ALL

    @classmethod
    def of(cls, path: str | Path) -> "Submissions":
        """Read a folder, a zip or one answer file; raises `HeadlabError` where there is none, or nothing in it.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (Path(folder) / "hw1-ab12.txt").write_bytes(b"{}") and [file.place for file in Submissions.of(folder).files]
        ['hw1-ab12.txt']
        """
        path = Path(path)
        found = cls()
        if path.is_dir():
            found._take_folder(path)
        elif path.exists():
            found._take_file(path, path.name)
        else:
            raise HeadlabError(
                f"the submissions must be a folder or a zip, got {path_text(path)!r}, which is not there"
            )
        found.files.sort(key=lambda file: file.place)
        if not found.files and not found.refused:
            others = f" but {listing(found.left_out, most=3)}" if found.left_out else ""
            said = f"the submissions must hold answer files ({ANSWERS}), got none in {path_text(path)!r}{others}"
            raise HeadlabError(said)
        return found

    def _take_folder(self, top: Path) -> None:
        folders = [(top, 0)]
        while folders:
            folder, depth = folders.pop()
            place = path_text(folder.relative_to(top))
            if depth > MOST_FOLDERS:
                self.refused.append((place, f"folders must be at most {MOST_FOLDERS} deep, got more: move it up"))
                continue
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self.refused.append((place, f"the folder must be readable, got {error.strerror}: look at its rights"))
                continue
            for entry in entries:
                inner = Path(entry.path)
                if _is_hidden(entry.name) or self._is_full(place):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((inner, depth + 1))
                else:
                    self._take_file(inner, path_text(inner.relative_to(top)), follow=False)

    def _take_file(self, path: Path, place: str, *, follow: bool = True) -> None:
        try:
            status = path.stat(follow_symlinks=follow)
            if stat.S_ISLNK(status.st_mode):
                self.refused.append(
                    (place, "a submission must be a file, got a link, which is not followed: copy the file")
                )
                return
            with os.fdopen(open_plain(path, follow=follow), "rb") as file:
                self._take(place, file, status.st_size, 0)
        except OSError as error:
            self.refused.append(
                (place, f"the file must be readable, got {error.strerror or error}: look at its rights")
            )

    def _take(self, place: str, file: IO[bytes], size: int, zips: int) -> None:
        """Take what a file holds: an answer, or a zip of them; size: what it says to have, which nothing is trusted to."""
        name = place.lower()
        if name.endswith(".zip"):
            (self._take_zip_within if zips else self._take_zip)(place, file, zips)
            return
        data = file.read(MOST_BYTES + 1)
        if not name.endswith(ANSWERS) and not _looks_like_an_answer(data):
            self.left_out.append(place)
        elif len(data) > MOST_BYTES:
            got = size_of(max(size, len(data)))
            said = f"an answer file must have at most {MOST_BYTES:,} bytes, got {got}: hand in what “Hand in” saves"
            self.refused.append((place, said))
        else:
            self.files.append(Submitted(place, data))

    def _take_zip_within(self, place: str, file: IO[bytes], zips: int) -> None:
        if zips >= MOST_ZIPS:
            self.refused.append((place, f"zips must be at most {MOST_ZIPS} deep, got more: unpack it"))
            return
        inner = file.read(min(MOST_ZIPPED, self._room) + 1)
        self._room -= min(len(inner), self._room)
        if len(inner) > MOST_ZIPPED or not self._room:
            said = f"a zip within a zip must have at most {size_of(MOST_ZIPPED)}, and all of them {size_of(MOST_ZIPPED_IN_ALL)}"
            self.refused.append((place, f"{said}, got more: unpack it"))
        else:
            self._take_zip(place, io.BytesIO(inner), zips)

    def _take_zip(self, place: str, file: IO[bytes], zips: int) -> None:
        try:
            if (names := _bytes_of_names(file)) > MOST_NAMES:
                said = f"a zip's list of files must have at most {size_of(MOST_NAMES)}, got {size_of(names)}: unpack it"
                self.refused.append((place, said))
                return
            with zipfile.ZipFile(file) as packed:
                for entry in packed.infolist():
                    if not entry.is_dir() and not any(map(_is_hidden, entry.filename.split("/"))):
                        self._take_entry(packed, entry, place, zips)
        except _UNREADABLE as error:
            self.refused.append(
                (place, f"the zip must be whole, got one that cannot be read ({_said(error)}): pack it again")
            )

    def _take_entry(self, packed: zipfile.ZipFile, entry: zipfile.ZipInfo, place: str, zips: int) -> None:
        inner = f"{place}/{entry.filename.lstrip('/')}"
        if self._is_full(place):
            return
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            what = "encrypted" if entry.flag_bits & 1 else "packed in another way than zips usually are"
            self.refused.append((inner, f"a file in a zip must be readable, got one that is {what}: unpack it"))
            return
        try:
            with packed.open(entry) as file:
                self._take(inner, file, entry.file_size, zips + 1)
        except _UNREADABLE as error:
            said = f"a file in a zip must be whole, got one that cannot be read ({_said(error)}): pack it again"
            self.refused.append((inner, said))

    def _is_full(self, place: str) -> bool:
        if len(self.files) + len(self.refused) + len(self.left_out) < MOST_FILES:
            return False
        said = f"submissions must be at most {MOST_FILES:,} files, got more: grade them folder by folder"
        if self.refused[-1:] != [(place, said)]:
            self.refused.append((place, said))
        return True


def _looks_like_an_answer(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and _KIND.search(data) is not None


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in HIDDEN


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:100]


def _bytes_of_names(file: IO[bytes]) -> int:
    """Return how long a zip says that its list of names is, which is read whole when it is opened; 0 where it is no zip."""
    size = file.seek(0, os.SEEK_END)
    tail_size = min(size, END_SIZE + COMMENT + LOCATOR_SIZE + END_64_SIZE)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    names = 0
    for at in _places(tail, END):
        if at + END_SIZE <= len(tail):
            names = max(names, *struct.unpack_from("<L", tail, at + 12))
        wide = at - LOCATOR_SIZE - END_64_SIZE
        if wide >= 0 and tail[at - LOCATOR_SIZE :].startswith(LOCATOR_64) and tail[wide:].startswith(END_64):
            names = max(0 if names == 2**32 - 1 else names, *struct.unpack_from("<Q", tail, wide + 40))
    file.seek(0)
    return min(names, size)


def _places(text: bytes, part: bytes) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
