"""Losses and metrics of fixed data by PyTorch and scikit-learn.

`python tests/python/peers.py` writes `peer_numbers.json`, which `test_losses.py` and `test_metrics.py` read: they need no peer then.
Where a peer is installed, `test_torch.py` and `test_sklearn_numbers.py` compare its numbers with those in the file.
"""

import json
from pathlib import Path

import numpy as np

NUMBERS = Path(__file__).with_name("peer_numbers.json")
ROWS = 60


def values(columns: int, step: int, levels: int = 1009) -> np.ndarray:
    """Numbers from -3 to 3 in no order, the same everywhere; with few levels many are equal."""
    return ((np.arange(ROWS * columns) * step) % levels).reshape(ROWS, columns) / levels * 6 - 3


def labels(classes: int) -> np.ndarray:
    return (np.arange(ROWS) * 7919 // 13) % classes


def torch_losses() -> dict[str, float]:
    import torch

    p, t = torch.from_numpy(values(3, 7919)), torch.from_numpy(values(3, 104729))
    return {
        "log_cosh": torch.log(torch.cosh(p - t)).mean().item(),
        "poisson": torch.nn.PoissonNLLLoss(log_input=True)(p, torch.floor(abs(t))).item(),
    }


def sklearn_losses() -> dict[str, float]:
    from sklearn.metrics import hinge_loss, mean_pinball_loss

    p, t = values(3, 7919), values(3, 104729)
    return {
        "quantile 0.5": float(mean_pinball_loss(t, p, alpha=0.5)),
        "quantile 0.9": float(mean_pinball_loss(t, p, alpha=0.9)),
        "hinge": float(hinge_loss(labels(2), p[:, 0])),
        "multiclass_hinge": float(hinge_loss(labels(3), p, labels=[0, 1, 2])),
    }


def sklearn_metrics() -> dict[str, float]:
    from sklearn import metrics as sk

    two, three = labels(2), labels(3)
    score, tied = values(1, 7919)[:, 0], values(1, 7919, 11)[:, 0]
    p, t = values(3, 7919), values(3, 7919) + 0.3 * values(3, 104729) + 1e3
    chosen = p.argmax(axis=1)
    return {
        "auc": float(sk.roc_auc_score(two, score)),
        "auc, ties": float(sk.roc_auc_score(two, tied)),
        "top_2": float(sk.top_k_accuracy_score(three, p, k=2)),
        "accuracy": float(sk.accuracy_score(three, chosen)),
        "precision": float(sk.precision_score(two, score > 0)),
        "recall": float(sk.recall_score(two, score > 0)),
        "f1": float(sk.f1_score(two, score > 0)),
        "macro precision": float(sk.precision_score(three, chosen, average="macro")),
        "macro recall": float(sk.recall_score(three, chosen, average="macro")),
        "macro f1": float(sk.f1_score(three, chosen, average="macro")),
        "r2": float(sk.r2_score(t, p + 1e3)),
        "mse": float(sk.mean_squared_error(t, p + 1e3)),
        "mae": float(sk.mean_absolute_error(t, p + 1e3)),
        "rmse": float(sk.mean_squared_error(t, p + 1e3)) ** 0.5,
    }


def stored() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads(NUMBERS.read_text())
    return found


if __name__ == "__main__":
    NUMBERS.write_text(json.dumps({"losses": torch_losses() | sklearn_losses(), "metrics": sklearn_metrics()}, indent=2) + "\n")
