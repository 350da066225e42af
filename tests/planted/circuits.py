"""All planted circuits by name."""

from planted import copying, drawing, heads, layers, unsolved

TRUTHS = copying.TRUTHS | drawing.TRUTHS | heads.TRUTHS | layers.TRUTHS | unsolved.TRUTHS
