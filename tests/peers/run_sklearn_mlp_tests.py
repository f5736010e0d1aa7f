"""Runs scikit-learn's own tests of its MLPs with chainrule's classes in place of theirs.

python tests/peers/run_sklearn_mlp_tests.py [arguments of pytest]
"""

import sys

import pytest
import sklearn.neural_network

import chainrule.sklearn

if __name__ == "__main__":
    # The test module takes the classes from here when it is imported.
    sklearn.neural_network.MLPClassifier = chainrule.sklearn.MLPClassifier
    sklearn.neural_network.MLPRegressor = chainrule.sklearn.MLPRegressor
    module = "sklearn.neural_network.tests.test_mlp"
    sys.exit(pytest.main(["--pyargs", module, "-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
