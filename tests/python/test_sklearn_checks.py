"""scikit-learn's checks of estimators, and its own tests of its MLPs, on chainrule's."""

import importlib.util
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import check_estimator

from chainrule.sklearn import MLPClassifier, MLPRegressor

# Checks that scikit-learn itself leaves out for these estimators: array API needs an environment variable, a decision function is
# nothing that a perceptron has.
LEFT_OUT = {"check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"}
# The one test that calls a private method: `_loss_grad_lbfgs`.
PRIVATE = {"test_gradient"}


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor()], ids=lambda estimator: type(estimator).__name__)
def test_every_check_passes(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks fit for few epochs, and on strange data
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) > 50
    assert [
        (result["check_name"], result["exception"]) for result in results if result["status"] not in ("passed", "skipped")
    ] == []
    skipped = {result["check_name"]: str(result["exception"]) for result in results if result["status"] == "skipped"}
    if importlib.util.find_spec("pandas") is None:
        skipped = {name: why for name, why in skipped.items() if "pandas is not installed" not in why}
    assert set(skipped) <= LEFT_OUT


def test_scikit_learns_own_tests_pass():
    script = Path(__file__).parents[1] / "peers" / "run_sklearn_mlp_tests.py"
    run = subprocess.run([sys.executable, script, "-rf"], capture_output=True, text=True, check=False)
    assert set(re.findall(r"^FAILED \S*::(\w+)", run.stdout, re.MULTILINE)) == PRIVATE, run.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", run.stdout)[1]) >= 50
