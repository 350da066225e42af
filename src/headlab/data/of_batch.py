"""What has a batch has its arrays and its sizes."""

from headlab.data.batch import Batch, Ids, Weights


class OfBatch:
    """The arrays and sizes of a batch, of whatever has one.

    >>> from headlab.data.corpus import Corpus
    >>> Corpus.notebook().n_sequences, Corpus.notebook().d_vocab
    (2, 7)
    """

    batch: Batch

    @property
    def tokens(self) -> Ids:
        """Token ids [sequence, position]; -1 is padding."""
        return self.batch.tokens

    @property
    def targets(self) -> Ids:
        """What comes next [sequence, position], as ids; -1 where there is nothing to predict."""
        return self.batch.targets

    @property
    def weights(self) -> Weights:
        """How much each target counts in the loss Σ w·l / Σ w [sequence, position]; 0 where there is none."""
        return self.batch.weights

    @property
    def d_vocab(self) -> int:
        """The number of tokens in the vocabulary."""
        return self.batch.d_vocab

    @property
    def d_vocab_out(self) -> int | None:
        """The number of outputs, where these are no tokens."""
        return self.batch.d_vocab_out

    @property
    def n_outputs(self) -> int:
        """The number of different things to predict: the outputs, or the tokens."""
        return self.batch.n_outputs

    @property
    def n_ctx(self) -> int:
        """The length of the longest sequence, start token included."""
        return self.batch.n_ctx

    @property
    def n_sequences(self) -> int:
        """The number of sequences."""
        return self.batch.n_sequences

    @property
    def lengths(self) -> Ids:
        """The length of every sequence, without padding."""
        return self.batch.lengths
