"""Weights that make the right one of several candidates the likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


@dataclass(frozen=True, slots=True)
class Choice:
    """Candidates of which some are right.

    Attributes:
        features: Shape (candidates, features).
        right: Shape (candidates,).
        share: How much the choice counts.
    """

    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    share: float = 1.0


def fit_choice(choices: Sequence[Choice], positive: bool = False) -> NDArray[np.float64]:
    """The weights of features by which the right candidates are likeliest.

    The probability of a candidate is the softmax of the weighted features (McFadden, "Conditional
    logit analysis of qualitative choice behavior", 1974); that of several right ones is their sum.

    Args:
        choices: Each with at least one right candidate.
        positive: Whether weights must be above zero.
    """
    width = choices[0].features.shape[1]
    free = nn.Parameter(torch.zeros(width, dtype=torch.float64))
    optimizer = torch.optim.LBFGS([free], max_iter=300, line_search_fn="strong_wolfe")
    # One tensor for all, padded with candidates that never come.
    shape = len(choices), max(len(choice.right) for choice in choices)
    features = torch.zeros((*shape, width), dtype=torch.float64)
    never = torch.full(shape, -torch.inf, dtype=torch.float64)
    wrong = never.clone()
    for row, choice in enumerate(choices):
        count = len(choice.right)
        features[row, :count] = torch.from_numpy(choice.features)
        never[row, :count] = 0
        wrong[row, :count][torch.from_numpy(choice.right)] = 0
    shares = torch.tensor([choice.share for choice in choices], dtype=torch.float64)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = features @ (free.exp() if positive else free)
        likely = torch.logsumexp(logits + wrong, 1) - torch.logsumexp(logits + never, 1)
        found = -(shares * likely).sum() / shares.sum()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    fitted: NDArray[np.float64] = (free.exp() if positive else free).detach().numpy()
    return fitted
