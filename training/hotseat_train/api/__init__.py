"""What the commands do, for notebooks and scripts.

::

    from hotseat_train import api

    table = api.load("players.csv")
    run = api.train("players.csv", target="churned", run="runs/churn")
    manifest = api.evaluate(run)
    api.publish(run)
"""

from hotseat_train.api.runs import evaluate, publish, train
from hotseat_train.api.tables import inspect, load

__all__ = ["evaluate", "inspect", "load", "publish", "train"]
