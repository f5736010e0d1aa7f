"""Permutation importance: what a column is worth to a model (Breiman 2001)."""

from chainrule.tabular.scores import scores
from chainrule.tabular.trained import TrainedTable
from chainrule.tabular.training import permutation, predict

__all__ = ["importance"]

_MOST_ROWS = 4000


def importance(trained: TrainedTable) -> dict[str, float]:
    """Return, for each column, how much the main score in the test rows falls when its cells are shuffled.

    Parameters
    ----------
    trained : TrainedTable
        As `train_table` returns it. Of its test rows at most 4,000 are taken.

    Returns
    -------
    dict of str to float
        About 0 for a column that does not matter; it may be below.
    """
    details = trained.details
    if details is None:
        raise ValueError("importance: expected a model that was just trained, got one that was loaded")
    step = -(-len(details.truth) // _MOST_ROWS)  # all over the file, which may be sorted
    x, truth, usual = (values[::step] for values in (details.x, details.truth, details.predicted))
    name = trained.main_score
    before = scores(trained.target, truth, usual)[name]
    found = {}
    for i, (column, span) in enumerate(trained.preprocessing.spans().items()):
        shuffled = x.copy()
        shuffled[:, span] = x[permutation(len(x), trained.seed + i)][:, span]
        found[column] = before - scores(trained.target, truth, predict(trained.models, trained.target, shuffled))[name]
    return found
