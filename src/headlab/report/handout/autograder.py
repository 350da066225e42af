"""`autograder.zip`: what Gradescope, or any machine with Python, grades a submission with."""

from pathlib import Path

from headlab.report.handout.archive import zipped
from headlab.report.handout.wheel import Wheel, pure_wheel

PROGRAMS = Path(__file__).parent / "programs"
NAMES = ("setup.sh", "run_autograder")  # as Gradescope looks for them


def autograder_zip(name: str, assignment: bytes, wheel: Wheel | None = None) -> bytes:
    """Return the zip file, with its two programs at the root.

    name: of the assignment; assignment: its TOML file, with the key; wheel: the headlab that grades, this one where none is given
    """
    wheel = wheel or pure_wheel()
    programs = {program: (PROGRAMS / program).read_bytes().replace(b"\r\n", b"\n") for program in NAMES}
    return zipped({**programs, f"{name}.toml": assignment, wheel.name: wheel.content}, executable=NAMES)
