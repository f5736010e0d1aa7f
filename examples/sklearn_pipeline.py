"""Handwritten digits with scikit-learn's tools: a pipeline with chainrule's MLPClassifier, its parameters found by a grid search.

Needs scikit-learn. The data is the package's own: 1797 pictures of 8 x 8 pixels.

Run: python examples/sklearn_pipeline.py
"""

import argparse
import sys
import time
from collections.abc import Sequence

from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule.demo import load_digits
from chainrule.sklearn import MLPClassifier


def main(argv: Sequence[str] = ()) -> int:
    """Search, print what was found and its accuracy on pictures kept back, and return 0 when it reaches the claim."""
    parser = argparse.ArgumentParser(description="Find parameters of a classifier of digits.")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=200, help="at most (default: %(default)s)")
    parser.add_argument("--claim", type=float, default=0.97, help="the accuracy to reach (default: %(default)s)")
    arguments = parser.parse_args(argv)
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(digits.inputs(), digits.labels, test_size=0.25, random_state=0)

    classifier = MLPClassifier((128,), batch_size=64, learning_rate_init=0.005, max_iter=arguments.epochs, random_state=0)
    classifier.set_params(early_stopping=True, n_iter_no_change=20)
    pipeline = make_pipeline(StandardScaler(), classifier)
    grid = {
        "mlpclassifier__dropout": [0.0, 0.2],
        "mlpclassifier__activation": ["relu", "gelu"],
        "mlpclassifier__alpha": [1e-4, 1.0],
    }
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=arguments.jobs)
    start = time.perf_counter()
    search.fit(x_train, y_train)
    seconds = time.perf_counter() - start

    for name, value in search.best_params_.items():
        print(f"{name.removeprefix('mlpclassifier__'):<12}{value}")
    fits = len(search.cv_results_["params"]) * 3 + 1
    accuracy = float(search.score(x_test, y_test))
    print(f"cross-validated accuracy {search.best_score_:.4f}, {fits} fits in {seconds:.1f} s")
    print(f"accuracy {accuracy:.4f} on {len(y_test)} pictures kept back")
    return 0 if accuracy >= arguments.claim else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
