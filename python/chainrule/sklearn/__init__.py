"""scikit-learn's multi-layer perceptrons, trained by chainrule: the same parameters and fitted attributes, and more.

Needs scikit-learn: ``pip install 'chainrule[sklearn]'``.

Examples
--------
>>> from sklearn.model_selection import cross_val_score
>>> from sklearn.datasets import load_iris
>>> from chainrule.sklearn import MLPClassifier
>>> X, y = load_iris(return_X_y=True)
>>> classifier = MLPClassifier((16,), learning_rate_init=0.02, max_iter=500, random_state=0)
>>> bool(cross_val_score(classifier, X, y).mean() > 0.95)
True
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("chainrule.sklearn: expected scikit-learn to be installed; pip install 'chainrule[sklearn]'") from error

from chainrule.sklearn.classifier import MLPClassifier
from chainrule.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
