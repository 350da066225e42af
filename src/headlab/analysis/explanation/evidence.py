"""The evidence about one choice, measured for all runs at once: what is predicted, what gives what, and what trials show."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from headlab.analysis.choice import Choice, Place, equally_hard, logits_elsewhere
from headlab.analysis.explanation.claims import claims, verdicts
from headlab.analysis.looking.predictions import HAIR_LOGITS, TIE, place_leads
from headlab.analysis.parts.coding import Coding, coding
from headlab.analysis.parts.contributions import Contributions, contributions
from headlab.analysis.parts.eye import Eye, eye
from headlab.analysis.parts.mechanism import lead_at, mechanism_of_choice
from headlab.analysis.subject import Subject
from headlab.analysis.trials.ablation import ablate
from headlab.analysis.trials.effects import Effects, Prediction
from headlab.analysis.trials.patching import patch
from headlab.arrays import Array, Bool, Float, Shaped

PATCHED = ("pattern", "v")


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything measured about one choice, for all runs of a subject; each part is computed when it is asked for."""

    subject: Subject
    choice: Choice

    def prediction(self, place: Place) -> Prediction:
        """Return what the models predict at a place, for and against the choice's tokens."""
        logits = self.subject.clean.logits[:, place.sequence, place.position]
        return Prediction(logits, self.choice.target, self.choice.rivals)

    @cached_property
    def here(self) -> Prediction:
        """What the models predict at the choice's place."""
        return self.prediction(self.choice.place)

    @cached_property
    def there(self) -> Prediction | None:
        """What they predict at the other place, where the rival is right; None where there is none."""
        return None if self.choice.other is None else self.prediction(self.choice.other)

    @property
    def attention(self) -> Float[Array, "run layer head key"]:
        """The pattern's row at the place, [run, layer, head, key]; of a model without layers a layer without heads."""
        place, subject = self.choice.place, self.subject
        if not subject.model.n_layers:
            return np.zeros((subject.n_runs, 1, 0, subject.corpus.n_ctx))
        return self.subject.clean.pattern[:, :, :, place.sequence, place.position]

    @cached_property
    def contributions(self) -> Contributions:
        """The exact attribution."""
        return contributions(self.subject, self.choice.place, self.choice.target, self.choice.rivals)

    @cached_property
    def ablations(self) -> Effects:
        """What became of the choice when each part was taken away."""
        return ablate(self.subject, self.choice)

    @cached_property
    def source_claims(self) -> Shaped[Array, "run source"]:
        """What attribution claims about every source position that the place sees, before any intervention, [run, source]."""
        sources = [part for part in self.ablations.parts if part.kind == "source"]
        return verdicts(claims(self.subject, self.choice, sources))

    @cached_property
    def findings(self) -> Shaped[Array, "run part"]:
        """What ablation says of every part, [run, part]: `necessary`, `irrelevant` or `between`."""
        return verdicts(self.ablations)

    @cached_property
    def patches(self) -> Effects | None:
        """Pattern and values exchanged with the other sentence, both ways; None without one that fits."""
        place, other, lengths = self.choice.place, self.choice.other, self.subject.corpus.lengths
        if other is None or other.sequence == place.sequence or other.position != place.position:
            return None  # patching goes position by position
        if not self.subject.model.causal and lengths[place.sequence] != lengths[other.sequence]:
            return None
        return patch(self.subject, self.choice, PATCHED)

    @cached_property
    def coding(self) -> Coding | None:
        """The coding split between the places; None without an other place."""
        with np.errstate(over="ignore", invalid="ignore"):
            return coding(self.subject, self.choice)

    @cached_property
    def mechanism(self) -> Shaped[Array, " run"]:
        """The mechanism of this choice, [run]."""
        return mechanism_of_choice(self.subject, self.choice, self.coding)

    @cached_property
    def eye(self) -> Eye | None:
        """What draws the eye, where the pattern decides; None without an other place, or without layers."""
        return eye(self.subject, self.choice) if self.choice.others and self.subject.model.n_layers else None

    @cached_property
    def lead(self) -> Float[Array, " run"]:
        """By how many logits the target leads the strongest other token, [run]; below 0 where it is behind."""
        return lead_at(self.subject, self.choice)

    @cached_property
    def other_lead(self) -> Float[Array, " run"]:
        """The same of what is right at the other place, [run]; nan where there is none, or nothing that is seen settles it."""
        corpus, other = self.subject.corpus, self.choice.other
        if other is None or not corpus.resolvable(self.subject.model)[other.sequence, other.position]:
            return np.full(self.subject.n_runs, np.nan)
        logits = self.subject.clean.logits[:, other.sequence, other.position]
        return place_leads(logits, np.array(corpus.targets[other.sequence, other.position]))

    @cached_property
    def same(self) -> Bool[Array, " run"]:
        """Whether the current token alone tells all probabilities, [run]; see `Subject.goes_by_token_alone`."""
        place = self.choice.place
        return self.subject.goes_by_token_alone[:, self.subject.corpus.tokens[place.sequence, place.position]]

    @cached_property
    def runners_up(self) -> Bool[Array, "run d_vocab"]:
        """The strongest tokens but the target, [run, d_vocab], all that are equal to 1e-9."""
        logits = self.here.logits.copy()
        logits[:, self.choice.target] = -np.inf
        return np.asarray(logits >= logits.max(axis=1, keepdims=True) - TIE)

    @cached_property
    def right_there(self) -> Bool[Array, "run d_vocab"]:
        """What is right at the hardest other place, [run, d_vocab], of equally hard ones at each; nothing where there is none."""
        corpus, others = self.subject.corpus, self.choice.others
        found = np.zeros((self.subject.n_runs, corpus.n_outputs), bool)
        if others:
            hardest = equally_hard(logits_elsewhere(self.subject, self.choice), self.choice)
            for number, hard in enumerate(hardest.T):
                found[hard, corpus.targets[others[number].sequence, others[number].position]] = True
        return found

    @cached_property
    def little(self) -> Bool[Array, " run"]:
        """Whether there is little to explain, [run]: wherever the place's token stands, all its targets are within half a logit.

        |logit(target) - logit(alternative)| < 0.5 for every alternative, at every place with the same token
        """
        corpus, choice = self.subject.corpus, self.choice
        token = corpus.tokens[choice.place.sequence, choice.place.position]
        logits = self.subject.clean.logits[:, (corpus.tokens == token) & (corpus.targets >= 0)]
        apart = logits[..., [choice.target]] - logits[..., list(choice.alternatives or choice.rivals)]
        return np.asarray((np.abs(apart) < HAIR_LOGITS).all(axis=(1, 2)))
