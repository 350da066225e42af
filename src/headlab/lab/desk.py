"""Who is served next: each page's latest wish, pictures before reasons before seeds before head sizes, pages in turn.

The first trainer is kept for what a hand waits for, so that a picture never waits for seeds to make way; the others do anything.
What nobody waits for is put off while a picture is trained, even where a trainer is free: processors share what makes them fast.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headlab.lab import SEEDS
from headlab.report.frames.wire import decode

if TYPE_CHECKING:
    from headlab.lab.trainer import Send, Trainer

URGENCY = {
    "hello": 0,
    "picture": 0,
    "trial": 0,
    "why": 1,
    "weights": 2,
    "figure": 2,
    "report": 2,
    "seeds": 3,
    "sizes": 4,
}
AT_HAND, ASKED = 1, 2  # up to this, a hand waits for it, or somebody asked for it; the rest nobody waits for


@dataclass(eq=False)
class Job:
    """A piece of work for one page; answer: the number of the request it belongs to; only: whoever has what it needs.

    over: given up, so that nothing of it is sent any more
    """

    page: "Page"
    kind: str
    fields: Mapping[str, Any]
    more: Mapping[str, Any]
    answer: int
    only: "Trainer | None" = None
    over: bool = False


@dataclass(eq=False)
class Page:
    """A page that is open: where its frames go, what it waits for, what it has been told about many seeds."""

    send: "Send"
    waiting: dict[str, Job] = field(default_factory=dict)
    served: int = 0
    shown: dict[str, Any] = field(default_factory=dict)  # what its seeds and its head sizes were trained from


class Desk:
    """Hands the wishes of all pages to the trainers."""

    def __init__(self, trainers: Sequence["Trainer"]) -> None:
        self.trainers = trainers
        self.pages: set[Page] = set()
        self.running: dict[Trainer, Job] = {}
        self.turn = 0
        self._news = asyncio.Condition()
        self._tasks = [asyncio.create_task(self._serve(trainer)) for trainer in trainers]

    async def show(self, page: Page, fields: Mapping[str, Any], answer: int) -> None:
        """Train and show an experiment; whatever the page wanted before is given up where it is something else."""
        for kind in ("trial", "why"):
            self._give_up(page, kind)
        self._want(Job(page, "picture", fields, {}, answer))
        for kind, needed in _shared(fields).items():
            if page.shown.get(kind) != needed:
                page.shown[kind] = needed
                more = {"number": 0, "so_far": []} if kind == "sizes" else {}
                self._want(Job(page, kind, needed, more, answer))
        await self._tell()

    async def ask(self, page: Page, kind: str, fields: Mapping[str, Any], more: Mapping[str, Any], answer: int) -> None:
        """Do something about an experiment that is shown: a trial, its weights, its report."""
        self._want(Job(page, kind, fields, more, answer))
        await self._tell()

    def leave(self, page: Page) -> None:
        """Forget a page, and give up its work."""
        self.pages.discard(page)
        for kind in URGENCY:
            self._give_up(page, kind)

    async def close(self) -> None:
        """End all trainers."""
        for task in self._tasks:
            task.cancel()
        for trainer in self.trainers:
            trainer.close()

    def _want(self, job: Job) -> None:
        self._give_up(job.page, job.kind)
        job.page.waiting[job.kind] = job
        if URGENCY[job.kind] == 0:
            for trainer, other in self.running.items():
                if URGENCY[other.kind] > ASKED and not other.over:
                    other.page.waiting.setdefault(other.kind, other)  # again, later
                    trainer.cancel()

    def _give_up(self, page: Page, kind: str) -> None:
        page.waiting.pop(kind, None)
        for trainer, job in self.running.items():
            if job.page is page and job.kind == kind:
                job.over = True
                trainer.cancel()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _next(self, trainer: "Trainer") -> Job | None:
        """Take the most urgent wish that a trainer may do, of the page that was served the longest ago."""
        first, least, most = self.trainers[0], 0, max(URGENCY.values())
        if trainer is not first and first not in self.running:
            least = ASKED
        if trainer is first and len(self.trainers) > 1:
            most = AT_HAND
        elif any(URGENCY[job.kind] == 0 for job in self.running.values()):
            most = ASKED
        wishes = [
            job
            for page in self.pages
            for job in page.waiting.values()
            if job.only is trainer or (job.only is None and least <= URGENCY[job.kind] <= most)
        ]
        if not wishes:
            return None
        job = min(wishes, key=lambda job: (URGENCY[job.kind], job.page.served))
        del job.page.waiting[job.kind]
        self.turn += 1
        job.page.served = self.turn
        return job

    async def _serve(self, trainer: "Trainer") -> None:
        await trainer.start()
        while True:
            async with self._news:
                while (job := self._next(trainer)) is None:
                    await self._news.wait()
                self.running[trainer] = job
                self._news.notify_all()  # with this one busy, others may do more
            frames: list[bytes] = []

            def send(data: bytes, job: Job = job, frames: list[bytes] = frames) -> None:
                frames.append(data)
                if not job.over:
                    job.page.send(data)

            try:
                await trainer.run(job.kind, job.fields, job.more, job.answer, send)
            finally:
                del self.running[trainer]
            if frames and not job.over and job.page in self.pages:
                self._go_on(job, frames[-1], trainer)
            await self._tell()

    def _go_on(self, job: Job, data: bytes, trainer: "Trainer") -> None:
        """Let follow what follows: reasons after a picture, the next round of head sizes until every one has its thousand."""
        found, page = decode(data), job.page
        if page.waiting.get(job.kind) is job:  # it was done before it could be put off
            del page.waiting[job.kind]
        if found.kind == "problems":
            page.shown.pop(job.kind, None)  # to be tried again with whatever is asked next
        elif job.kind == "picture":
            page.waiting["why"] = Job(page, "why", job.fields, {}, job.answer, only=trainer)
        elif job.kind == "sizes" and found.values["round"] + 1 < found.values["rounds"]:
            more = {"number": found.values["round"] + 1, "so_far": [row[:3] for row in found.values["rows"]]}
            page.waiting["sizes"] = Job(page, "sizes", job.fields, more, job.answer)


def _shared(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the seeds and the head sizes of an experiment depend on: not all of them."""
    seed = fields.get("seed", 0)
    # A seed that is none stays as it was asked for: every complaint about it is the same, whichever comes last.
    block = seed - seed % SEEDS if isinstance(seed, int) and 0 <= seed < 2**64 else seed
    others = {name: value for name, value in fields.items() if name != "seed"}
    return {
        "seeds": {**others, "seed": block},
        "sizes": {name: value for name, value in others.items() if name != "d_head"},
    }
