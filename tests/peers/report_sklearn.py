"""Writes docs/scikit-learn-checks.md: each of scikit-learn's checks of estimators, and of its own tests of its MLPs, with the outcome.

python tests/peers/report_sklearn.py
"""

import re
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import sklearn
from sklearn.utils.estimator_checks import check_estimator

from chainrule.sklearn import MLPClassifier, MLPRegressor

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "scikit-learn-checks.md"


def checks():
    """Return the outcome of each check for both estimators, by its name and for whom it was."""
    found = []
    for estimator in (MLPClassifier(), MLPRegressor()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the checks fit for few epochs, and on strange data
            results = check_estimator(estimator, on_fail=None, on_skip=None)
        found += [(result["check_name"], type(estimator).__name__, result["status"]) for result in results]
    return found


def own_tests():
    """Return the outcome of each of scikit-learn's own tests."""
    script = Path(__file__).with_name("run_sklearn_mlp_tests.py")
    run = subprocess.run([sys.executable, script, "-rA", "--tb=no"], capture_output=True, text=True, check=False)
    found = re.findall(r"^(PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR) \S*::(.+?)(?: - .*)?$", run.stdout, re.MULTILINE)
    return sorted((name, outcome) for outcome, name in found)


def page():
    """Return the page."""
    lines = [
        f"# scikit-learn's checks and tests, one by one\n\nscikit-learn {sklearn.__version__}; made by `python tests/peers/report_sklearn.py`.\n"
    ]
    by_check = {}
    for name, estimator, status in checks():
        by_check.setdefault(name, {}).setdefault(estimator, Counter())[status] += 1
    total = Counter(status for each in by_check.values() for counts in each.values() for status in counts.elements())
    lines.append(
        f"## `check_estimator`\n\n{_counted(total, alone=0)}, without expected failures.\n\n| check | MLPClassifier | MLPRegressor |\n|---|---|---|"
    )
    for name, each in sorted(by_check.items()):
        lines.append(f"| {name} | {' | '.join(_counted(each.get(one, {})) for one in ('MLPClassifier', 'MLPRegressor'))} |")
    tests = own_tests()
    lines.append(
        "\n## `sklearn.neural_network.tests.test_mlp`, with chainrule's classes\n\n"
        f"{_counted(Counter(outcome.lower() for _, outcome in tests), alone=0)}. `test_gradient` calls a private method, `_loss_grad_lbfgs`.\n\n"
        "| test | outcome |\n|---|---|"
    )
    lines += [f"| {name.replace('|', chr(92) + '|')} | {outcome.lower()} |" for name, outcome in tests]
    return "\n".join(lines) + "\n"


def _counted(counts, alone=1):
    return ", ".join(status if count == alone else f"{count} {status}" for status, count in sorted(counts.items())) or "-"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
