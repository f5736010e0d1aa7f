"""Tables: from a CSV file to a trained model, its report and its predictions.

On the command line: ``chainrule train data.csv --target y``, then ``chainrule predict data-model more.csv``.

Examples
--------
>>> from chainrule.tabular import train_table
>>> table = {"x": [i / 50 for i in range(100)], "even": [i % 2 == 0 for i in range(100)], "y": ["low"] * 50 + ["high"] * 50}
>>> trained = train_table(table, "y", members=1)
>>> trained.target.task, trained.target.classes
('classification', ('high', 'low'))
>>> trained.predict({"x": [0.1, 1.9], "even": [True, False]}).tolist()
['low', 'high']
"""

from chainrule.tabular.reading import Table, read_table
from chainrule.tabular.tables import train_table
from chainrule.tabular.trained import TrainedTable, load

__all__ = ["Table", "TrainedTable", "load", "read_table", "train_table"]
