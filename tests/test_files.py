"""Output goes where the shell's `>` would put it, and a file is whole or not touched."""

import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

import headlab as hl
from headlab.errors import OutputError
from headlab.files import check_output, leads_to_stdout, output_error, path_text, write_output
from headlab.study.folder import write_error

NULL, FULL = os.makedev(1, 3), os.makedev(1, 7)
NOBODY = 65534


def put(path, data=b"new"):
    """What every output does: the place is tried, then written."""
    check_output(path)
    write_output(path, data)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def device(path, number):
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, number)
        with path.open("rb"):
            return path
    except OSError:
        pytest.skip("no device nodes here")


def read_in_a_thread(path):
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()
    return reader, found


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.fixture
def as_nobody():
    """The rest of the test as somebody without rights (the files it made before are another's)."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    yield lambda: os.seteuid(NOBODY)
    os.seteuid(0)


@pytest.fixture
def everybodys():
    """A folder that everybody can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)
        if os.geteuid() != 0:
            os.seteuid(0)


def test_a_device_stays_a_device_and_takes_what_is_written(tmp_path):
    for path in (device(tmp_path / "null", NULL), tmp_path / "link"):
        if path.name == "link":
            path.symlink_to("null")
        put(path)
        assert stat.S_ISCHR(path.stat().st_mode)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["link", "null"]


def test_a_full_device_is_named_for_what_it_is(tmp_path):
    path = device(tmp_path / "full", FULL)
    with pytest.raises(OutputError, match=r"room on the disk.*No space left"):
        put(path)


def test_a_pipe_is_tried_without_a_reader_and_written_with_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for path in (tmp_path / "pipe", tmp_path / "link"):
        check_output(path)  # nobody reads yet, and it returns
        reader, found = read_in_a_thread(path)
        write_output(path, b"x" * 200_000)
        reader.join(10)
        assert found == [b"x" * 200_000]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("links", [["target"], ["one", "target"], ["folder/../target"]], ids=["one", "two", "dots"])
@pytest.mark.parametrize("there", [True, False], ids=["there", "new"])
def test_links_stay_and_what_they_lead_to_is_written(tmp_path, links, there):
    (tmp_path / "folder").mkdir()
    target = tmp_path / "target"
    if there:
        target.write_bytes(b"old")
        target.chmod(0o600)
    for name, leads_to in zip(["link", *links], links, strict=False):
        (tmp_path / name).symlink_to(leads_to)
    put(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()
    assert not there or mode(target) == 0o600


def test_links_in_a_circle_and_to_nowhere_are_refused(tmp_path):
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "astray").symlink_to("no/such/folder/file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to folder").symlink_to("folder")
    for name in ("round", "astray", "to folder", "folder"):
        with pytest.raises(OutputError):
            check_output(tmp_path / name)
        with pytest.raises(OutputError):
            write_output(tmp_path / name, b"new")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["astray", "folder", "round", "to folder"]


@pytest.mark.unix
@pytest.mark.parametrize("kept", [0o600, 0o664, 0o640, 0o777])
def test_a_file_keeps_its_mode_and_a_new_one_gets_the_usual(tmp_path, umask, kept):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    old.chmod(kept)
    put(old)
    put(new)
    assert (old.read_bytes(), new.read_bytes()) == (b"new", b"new")
    assert (mode(old), mode(new)) == (kept, 0o640)


@pytest.mark.unix
def test_a_file_keeps_its_owner_and_its_attributes(tmp_path):
    path = tmp_path / "theirs"
    path.write_bytes(b"old")
    try:
        os.chown(path, NOBODY, NOBODY)
        os.setxattr(path, "user.note", b"kept")
    except OSError:
        pytest.skip("no owners or attributes to give away here")
    put(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)
    assert os.getxattr(path, "user.note") == b"kept"


def test_trying_a_place_makes_and_changes_nothing(tmp_path):
    path = tmp_path / "old"
    path.write_bytes(b"old")
    before = path.stat()
    check_output(path)
    check_output(tmp_path / "new")
    now = path.stat()
    assert (now.st_mtime_ns, now.st_ino, path.read_bytes()) == (before.st_mtime_ns, before.st_ino, b"old")
    assert [item.name for item in tmp_path.iterdir()] == ["old"]


def test_another_name_of_the_same_file_keeps_what_it_had(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"old")
    other.hardlink_to(path)
    put(path)
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"old")


def test_a_read_only_file_is_refused_and_stays(everybodys, as_nobody):
    path = everybodys / "kept"
    path.write_bytes(b"old")
    path.chmod(0o444)
    os.chown(path, NOBODY, NOBODY)
    as_nobody()
    with pytest.raises(OutputError, match="Permission denied"):
        check_output(path)
    with pytest.raises(OutputError, match="Permission denied"):
        write_output(path, b"new")
    assert path.read_bytes() == b"old"


@pytest.mark.unix
@pytest.mark.parametrize("folder_mode", [0o1777, 0o755, 0o777], ids=["sticky", "no new files", "another's file"])
def test_a_file_that_may_be_written_but_not_replaced_is_written_in_place(everybodys, as_nobody, folder_mode):
    folder = everybodys / "folder"
    folder.mkdir()
    path = folder / "theirs"
    path.write_bytes(b"old and longer")
    path.chmod(0o666)
    folder.chmod(folder_mode)
    before = path.stat()
    as_nobody()
    put(path)
    now = path.stat()
    assert path.read_bytes() == b"new"
    assert (now.st_ino, now.st_uid, mode(path)) == (before.st_ino, 0, 0o666)
    assert [item.name for item in folder.iterdir()] == ["theirs"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "old"
    path.write_bytes(b"old")

    def broken(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OutputError, match="make room"):
        write_output(path, b"new")
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, ""), "room on the disk.*make room"),
        (OSError(122, ""), "share of the disk.*make room"),
        (OSError(27, ""), "no larger than files may be.*ulimit -f"),
        (OSError(12, ""), "fit in memory.*take less"),
        (MemoryError(), "fit in memory.*take less"),
        (OSError(30, ""), "Read-only file system.*another place"),
        (OSError(36, ""), "shorter"),
        (OSError(24, ""), "ulimit -n"),
        (PermissionError(13, ""), "Permission denied.*another place"),
        (OSError("what a library says"), "what a library says"),
    ],
    ids=str,
)
def test_every_failure_is_named_for_what_it_is(error, words):
    with pytest.raises(OutputError, match=rf"the output must .*{words}"):
        raise output_error("the output", Path("a"), error)


def test_threads_that_write_one_file_leave_one_of_their_contents(tmp_path):
    path = tmp_path / "shared"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_output, args=(path, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert [item.name for item in tmp_path.iterdir()] == ["shared"]


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 125, "r\udcff.html", ".hidden", "a b", "-x"])
def test_any_name_that_the_disk_can_hold_is_fine(tmp_path, name):
    put(tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"new"
    path_text(tmp_path / name).encode()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return hl.train(hl.Corpus.notebook(), training=hl.TrainConfig.of(steps=3), seeds=range(2)).save(folder / "saved")


def shell(command, folder, *words):
    """Run a command of the shell in which $headlab is the command line; its status, output and complaints."""
    environment = os.environ | {"headlab": f"{sys.executable} -m headlab"}
    done = subprocess.run(
        ["bash", "-c", command, "bash", *words],
        cwd=folder,
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_standard_output_gets_the_output_alone_and_where_it_had_come_to(saved, tmp_path):
    (tmp_path / "out").symlink_to("/dev/stdout")
    export = '$headlab export "$1" -o out'
    status, plain, complaint = shell(f"{export} | cat", tmp_path, str(saved))
    assert (status, plain[:8], complaint) == (0, b"run,seed", b"")
    shell(f"echo first > all; {export} >> all; echo last >> all", tmp_path, str(saved))
    assert (tmp_path / "all").read_bytes() == b"first\n" + plain + b"last\n"
    status, page, _ = shell('$headlab report "$1" -o /dev/stdout | cat', tmp_path, str(saved))
    assert (status, page.strip()[-7:]) == (0, b"</html>")


def test_other_descriptors_are_written_into_and_closed_ones_refused(saved, tmp_path):
    assert shell('$headlab export "$1" -o /dev/fd/5 5> five', tmp_path, str(saved))[0] == 0
    assert (tmp_path / "five").read_bytes().startswith(b"run,seed")
    status, out, complaint = shell('$headlab export "$1" -o /dev/fd/7 7< five', tmp_path, str(saved))
    assert (status, out, complaint.count(b"\n")) == (2, b"", 1)
    with pytest.raises(OutputError, match="Bad file descriptor"):
        check_output(Path("/dev/fd/987"))


def test_who_leads_to_standard_output_is_told_apart(tmp_path):
    (tmp_path / "1").write_bytes(b"a file that is called 1")
    (tmp_path / "out").symlink_to("/dev/stdout")
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", f"/proc/{os.getpid()}/fd/1", tmp_path / "out"):
        assert leads_to_stdout(Path(name)), name
    assert not leads_to_stdout(tmp_path / "1")


def test_every_command_with_an_output_follows_links_and_keeps_modes(saved, tmp_path, run):
    study = tmp_path / "s.toml"
    study.write_text('corpus = "notebook"\nseeds = "0:3"\n[grid]\nsteps = [3]\nd_head = [5, 10]\n')
    commands = [
        ["export", str(saved), "-o", "{}"],
        ["report", str(saved), "-o", "{}"],
        ["exercise", "--runs", "2", "--head-sizes", "5", "--steps", "3", "-o", "{}"],
        ["study", "run", str(study), "--into", str(tmp_path / "study")],
        ["report", str(tmp_path / "study"), "-o", "{}"],
        ["study", "export", str(tmp_path / "study"), "{}.csv"],
        ["study", "export", str(tmp_path / "study"), "{}.parquet"],
        ["study", "show", str(tmp_path / "study"), "--figure", "{}.png"],
        ["study", "show", str(tmp_path / "study"), "--figure", "{}.SVG"],
    ]
    for number, words in enumerate(commands):
        name = next((word for word in words if "{}" in word), "").format(f"output-{number}")
        if name:
            (tmp_path / f"target-{number}").write_bytes(b"old")
            (tmp_path / f"target-{number}").chmod(0o600)
            (tmp_path / name).symlink_to(f"target-{number}")
        assert run(*(word.format(f"output-{number}") for word in words))[0] == 0, words
        if name:
            assert (tmp_path / name).is_symlink(), words
            assert mode(tmp_path / f"target-{number}") == 0o600, words
            assert (tmp_path / f"target-{number}").read_bytes() != b"old", words


def test_a_new_study_goes_through_a_link_too(tmp_path, run):
    (tmp_path / "link.toml").symlink_to("study.toml")
    assert run("study", "new", "link.toml")[0] == 0
    assert (tmp_path / "study.toml").is_file()
    assert (tmp_path / "link.toml").is_symlink()
    assert run("study", "new", "link.toml")[0] == 2


@pytest.mark.unix
def test_names_that_are_no_utf8_work_in_every_command(tmp_path, run):
    (tmp_path / "\udcff.txt").write_text("man ordered the chicken\nwoman ordered the beef\n")
    (tmp_path / "t\udcfc.toml").write_text('corpus = "notebook"\nseeds = "0:2"\n[grid]\nsteps = [3]\n')
    commands = [
        ["exercise", "\udcff.txt", "--runs", "2", "--head-sizes", "5", "--steps", "3", "-o", "r\udcfe.html"],
        ["exercise", "\udcff.txt", "--runs", "2", "--head-sizes", "5", "--steps", "3", "--json", "-o", "r\udcfe.html"],
        ["train", "\udcff.txt", "--steps", "3", "--save", "s\udcfd"],
        ["explain", "s\udcfd"],
        ["report", "s\udcfd", "-o", "v\udcfb.html"],
        ["export", "s\udcfd", "-o", "w\udcfb.csv"],
        ["study", "run", "t\udcfc.toml"],
        ["study", "show", "t\udcfc", "--figure", "x\udcfb.png"],
        ["study", "export", "t\udcfc", "u\udcfb.csv"],
    ]
    for words in commands:
        status, out, complaint = run(*words)
        assert status == 0, (words, complaint)
        (out + complaint).encode()  # no half characters on the screen
        assert "-o" not in words or (tmp_path / words[-1]).stat().st_size > 50
    assert (tmp_path / "v\udcfb.html").read_text().count("$&#39;s\\xfd&#39;") > 0  # a command that can be copied


def test_a_file_that_somebody_reads_is_replaced_in_the_end(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(b"old")
    reader = path.open("rb")
    closing = threading.Timer(0.1, reader.close)
    closing.start()
    put(path)
    closing.join()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


class Unreadable:
    """A standard input that was opened for writing."""

    @property
    def buffer(self):
        raise OSError(9, "Bad file descriptor")


@pytest.mark.parametrize("stdin", [None, Unreadable()], ids=["closed", "unreadable"])
@pytest.mark.parametrize("command", ["train", "exercise", "explain"])
def test_a_closed_standard_input_is_one_sentence(run, monkeypatch, stdin, command):
    monkeypatch.setattr(sys, "stdin", stdin)
    status, out, complaint = run(command, "-")
    assert (status, out, complaint.count("\n")) == (2, "", 1)
    assert "standard input" in complaint


def test_an_output_is_tried_before_the_runs_are_read(run):
    status, _, complaint = run("export", "no such runs", "-o", "no/such/folder.csv")
    assert (status, "no/such/folder.csv" in complaint) == (2, True)


def test_a_study_without_memory_is_not_told_to_change_its_folder():
    told = str(write_error(Path("study"), OSError(12, "Cannot allocate memory")))
    assert "fit in memory" in told
    assert "what was finished is kept" in told
    assert "folder" not in told
