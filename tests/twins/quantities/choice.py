"""What every dependency is a choice between, and where the other answer is right."""

from dataclasses import asdict
from typing import Any

from headlab.analysis.choice import choices, each_choice
from twins.twin import Twin


def said(twin: Twin) -> list[dict[str, Any]] | None:
    subject = twin.run.subject
    if not subject.dependencies:
        return None
    every = [*choices(subject), *(each_choice(subject, item).of(0) for item in subject.dependencies)]
    return [asdict(choice) | {"formula": choice.words(subject.corpus)} for choice in every]
