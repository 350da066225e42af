"""What becomes of a study when it is killed, its disk fails, or its files are damaged: `python benchmarks/durability.py`.

Writes docs/durability.md. Every trial ends in a resumed study whose export and weights are compared, byte by byte, with
those of one that was never disturbed. Needs Linux; strace for faults at single system calls, root for the file system of 1 MB;
left out where missing.
"""

import argparse
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.store import Store
from headlab.study.study import Study
from headlab.study.work import pending_tasks

PAGE = Path(__file__).parents[1] / "docs" / "durability.md"
ELSEWHERE = Path(__file__).parents[1] / "tests" / "elsewhere"
RUN = "import sys; from headlab.study.study import Study; Study(sys.argv[1]).run(threads=1, join=len(sys.argv) > 2)"
CALLS = {"write": "write,pwrite64", "fsync": "fsync,fdatasync", "rename": "rename,renameat,renameat2"}
FAULTS = {"KILL": "signal=KILL", "EIO": "error=EIO", "ENOSPC": "error=ENOSPC"}


def design(seeds: int, steps: int, **options: list[str]) -> StudyDesign:
    training = hl.TrainConfig.of(steps=steps)
    return StudyDesign.grid(hl.Corpus.notebook(), seeds=range(seeds), training=training, d_head=[5, 10], **options)


def outcome_of(study: Study, folder: Path) -> str:
    """Return a hash of the export and of every run's weights; how runs are cut into files is free where workers died."""
    path = study.export(folder / "export.csv")
    weights = [study.runs(condition.name).params.flat().tobytes() for condition in study.design.conditions]
    return hashlib.sha256(path.read_bytes() + b"".join(weights)).hexdigest()


def unbroken(folder: Path, plan: StudyDesign) -> str:
    study = Study.create(folder / "unbroken", plan)
    study.run()
    return outcome_of(study, folder)


def start(target: Path, *extra: str, elsewhere: bool = False) -> subprocess.Popen[bytes]:
    """Start a process that runs a study; elsewhere: where nothing is that only Unix has (tests/elsewhere)."""
    command = [sys.executable, "-c", RUN, str(target), *extra]
    environment = dict(os.environ)
    if elsewhere:
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(ELSEWHERE), *environment.get("PYTHONPATH", "").split(os.pathsep)]
        )
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def kills(folder: Path, count: int, rng: random.Random, *, elsewhere: bool = False) -> dict[str, object]:
    """Kill the main process or a helper at random moments, `count` times; start over whenever the study is finished."""
    plan = design(1024, 500)
    expected = unbroken(folder, plan)
    began = time.perf_counter()
    start(Study.create(folder / "timed", plan).store.folder, elsewhere=elsewhere).wait()
    whole = time.perf_counter() - began
    lost = duplicated = different = studies = killed = held = 0
    slowest = 0.0
    while killed < count:
        target = folder / f"killed-{studies}"
        study, seen = Study.create(target, plan), set()
        studies += 1
        while pending_tasks(Store(target)) and killed < count:
            processes = [start(target, elsewhere=elsewhere)]
            if rng.random() < 0.5:
                processes.append(start(target, "join", elsewhere=elsewhere))
            time.sleep(rng.uniform(0.1, 1) * whole)
            victim = rng.choice(processes)
            victim.kill()
            killed += 1
            for process in processes:
                process.kill()
                process.wait()
            began = time.perf_counter()
            store = Store(target)
            now = {chunk.path.name for chunk in store.sound_chunks()}
            pending_tasks(store)
            slowest = max(slowest, time.perf_counter() - began)
            held += still_held(store)
            lost += len(seen - now)
            seen = now
        study.run()
        table = study.table()
        duplicated += int(table.duplicated(["condition", "seed"]).sum())
        different += outcome_of(Study(target), folder) != expected
        shutil.rmtree(target)
    return {
        "kills": killed,
        "studies": studies,
        "locks held by nobody": held,
        "finished chunks lost": lost,
        "rows twice": duplicated,
        "outcomes that differ": different,
        "slowest restart, s": round(slowest, 3),
    }


def still_held(store: Store) -> bool:
    """Return whether a lock outlived its processes: the study's, or one of a chunk."""
    claims = store.folder / "claims"
    names = ["lock", *(f"claims/{path.name}" for path in (claims.iterdir() if claims.is_dir() else ()))]
    held = store.is_running()
    for name in names:
        with store.lock(name) as free:
            held |= not free
    return held


def worker_kills(folder: Path, count: int, rng: random.Random) -> dict[str, object]:
    """Kill one of two Dask workers every two or three seconds, `count` times; study after study."""
    from distributed import LocalCluster

    plan = design(2048, 4000)
    expected = unbroken(folder, plan)
    killed, studies, duplicated, different, unfinished = [], 0, 0, 0, 0
    with LocalCluster(n_workers=0, dashboard_address=None) as scheduler:
        workers = [dask_worker(scheduler.scheduler_address) for _ in range(2)]
        while len(killed) < count:
            study, stop = Study.create(folder / f"workers-{studies}", plan), threading.Event()
            killer = threading.Thread(
                target=kill_now_and_then, args=(scheduler.scheduler_address, workers, stop, killed, rng)
            )
            killer.start()
            try:
                unfinished += study.run(cluster=scheduler.scheduler_address) != plan.n_runs
            finally:
                stop.set()
                killer.join()
            studies += 1
            duplicated += int(study.table().duplicated(["condition", "seed"]).sum())
            different += outcome_of(study, folder) != expected
            shutil.rmtree(study.store.folder)
        for worker in workers:
            worker.kill()
            worker.wait()
    return {
        "kills": len(killed),
        "studies": studies,
        "studies that did not finish": unfinished,
        "rows twice": duplicated,
        "outcomes that differ": different,
    }


def dask_worker(address: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        address,
        "--nthreads=1",
        "--no-nanny",
        "--no-dashboard",
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_now_and_then(
    address: str, workers: list, stop: threading.Event, killed: list[int], rng: random.Random
) -> None:
    """Kill one of the workers, the older one, every two or three seconds in which both are there, and start another one."""
    from distributed import Client

    with Client(address) as client:
        while not stop.wait(rng.uniform(2, 3)):
            client.wait_for_workers(
                len(workers), timeout=60
            )  # a busy machine takes longer to start one than to kill it
            victim = workers.pop(0)
            victim.kill()
            victim.wait()
            killed.append(victim.pid)
            workers.append(dask_worker(address))


def faults(folder: Path) -> list[tuple[str, str, int, int, int]]:
    """Inject each fault at the first, second, third … of each kind of call, until a run passes untouched."""
    plan = design(300, 50)
    expected = unbroken(folder, plan)
    rows = []
    for call, names in CALLS.items():
        for fault, how in FAULTS.items():
            struck = wrong = loud = 0
            for when in range(1, 200):
                target = folder / "struck"
                shutil.rmtree(target, ignore_errors=True)
                Study.create(target, plan)
                trace = folder / "trace"
                done = subprocess.run(
                    ["strace", "-f", "-qq", "-o", trace, "-e", f"trace={names}", "-e", f"inject={names}:{how}:when={when}",
                     sys.executable, "-m", "headlab", "study", "run", target],
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                if not re.search(r"INJECTED|killed by SIGKILL", trace.read_text()):
                    break
                struck += 1
                loud += "Traceback" in done.stderr or len(done.stderr.splitlines()) > 2
                study = Study(target)
                study.run()
                wrong += outcome_of(study, folder) != expected
            rows.append((call, fault, struck, wrong, loud))
            print(rows[-1], flush=True)
    return rows


def full_disk(folder: Path) -> str:
    """Run a study on a file system of 1 MB, make room, and run it again."""
    plan = design(4096, 50)
    expected = unbroken(folder, plan)
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True
    ).returncode:
        return "not tried: no right to mount"
    try:
        Study.create(disk / "study", plan)
        command = [sys.executable, "-m", "headlab", "study", "run", disk / "study"]
        first = subprocess.run(command, capture_output=True, text=True, check=False)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        same = outcome_of(Study(disk / "study"), folder) == expected
    finally:
        subprocess.run(["umount", disk], check=False)
    said = first.stderr.replace(str(folder), "…").strip()
    after = "equal" if same else "DIFFERENT"
    return f"status {first.returncode}, “{said}”; with more room, status {second.returncode}, outcome {after}"


def damage(folder: Path, count: int, rng: random.Random) -> dict[str, int]:
    """Flip single bits and cut files short; whatever is read afterwards must be what was written, or be refused."""
    target = folder / "damaged-study"
    study = Study.create(target, design(300, 50, keep=["weights", "curves", "snapshots"]))
    study.extend(seeds="300:320")
    study.run()
    kinds = (".parquet", ".safetensors", ".json")
    files = sorted(path for path in target.rglob("*") if path.suffix in kinds and "timings" not in path.parts)
    counts = dict.fromkeys(("trials", "refused", "silently wrong"), 0)
    for _ in range(count):
        path = rng.choice(files)
        whole = path.read_bytes()
        broken = bytearray(whole)
        if rng.random() < 0.8:
            broken[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        else:
            del broken[rng.randrange(len(whole)) :]
        path.write_bytes(broken)
        counts["trials"] += 1
        counts["refused" if refused(target, path) else "silently wrong"] += 1
        path.write_bytes(whole)
        shutil.rmtree(target / "damaged", ignore_errors=True)
    return counts


def refused(target: Path, path: Path) -> bool:
    """Return whether a damaged file is refused by whatever reads it."""
    with contextlib.suppress(hl.HeadlabError):
        store = Store(target)
        _ = store.design
        if path.suffix == ".json":
            return False
        sound = store.sound_chunks()
        if path.suffix == ".parquet":
            return path not in {chunk.path for chunk in sound}
        chunk = next(chunk for chunk, name in store.array_names(sound).items() if name == path.name)
        store.arrays(chunk)
        return False
    return True


def main() -> None:
    """Try everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--kills-elsewhere", type=int, default=50)
    parser.add_argument("--worker-kills", type=int, default=100)
    parser.add_argument("--flips", type=int, default=10_000)
    parser.add_argument("--output", type=Path, default=PAGE)
    options = parser.parse_args()
    rng = random.Random(0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as name:
        parts = [Path(name) / part for part in ("damage", "disk", "kills", "workers", "faults", "elsewhere")]
        for part in parts:
            part.mkdir()
        found = {
            "damage": damage(parts[0], options.flips, rng),
            "disk": full_disk(parts[1]) if os.geteuid() == 0 else "not tried: needs root",
            "kills": kills(parts[2], options.kills, rng),
            "elsewhere": kills(parts[5], options.kills_elsewhere, rng, elsewhere=True),
            "workers": worker_kills(parts[3], options.worker_kills, rng),
            "faults": faults(parts[4]) if shutil.which("strace") else [],
        }
    print(found)
    options.output.write_text(page(found))


def page(found: dict) -> str:
    """Return the page with the figures."""
    kills, damaged = found["kills"], found["damage"]
    lines = [
        "# What a study survives",
        "",
        "Written by `python benchmarks/durability.py`; every study was finished afterwards, and its outcome (the export,",
        "every run's weights) compared, byte by byte, with that of a study that was never disturbed.",
        "",
        "## kill -9 at random moments",
        "",
        "The process that runs the study, or one that helps it (`--join`), killed somewhere between its start and its end.",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in kills.items()),
        "",
        "The same where nothing is that only Unix has (tests/elsewhere hides it): [elsewhere](decisions/elsewhere.md).",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in found["elsewhere"].items()),
        "",
        "The same with two Dask workers, the older one killed every two or three seconds and another one started.",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in found["workers"].items()),
        "",
        "## A fault at every system call",
        "",
        "The fault strikes the first, second, third … call of its kind, each in a study of its own, until one passes untouched.",
        "",
        "| call | fault | calls struck | outcomes that differ | more than a line said |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(map(str, row))} |" for row in found["faults"]),
        "",
        "## A full disk",
        "",
        f"A file system of 1 MB: {found['disk']}.",
        "",
        "## Damaged files",
        "",
        "One bit flipped (four times of five) or the file cut short, in the specification and its extension, and in the files",
        "of rows (Parquet) and arrays (safetensors: weights, curves, snapshots).",
        "",
        "| what | figure |",
        "|---|---|",
        *(f"| {name} | {value:,} |" for name, value in damaged.items()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
