"""Which columns of a table a streamed training reads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hotseat_train.data import tables
from hotseat_train.data.tables import Description, Options
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.streamed.prepare import Columns, streamable

MOST_LABELS = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns of a table, and how it is read."""

    description: Description
    columns: Columns
    options: Options
    remarks: tuple[str, ...]
    """What is left out, and why."""


def choose(
    source: str,
    target: str,
    group: str | None,
    types: Mapping[str, str],
    reading: Options,
    weight: str | None = None,
) -> Choice:
    """Describe a table in a pass over all its rows, and choose the features.

    `group` is the id column, whose rows are in one split, and `weight` that of the
    training rows' weights. Raises `DatasetError`.
    """
    named = tuple(filter(None, (target, group)))
    options = replace(
        reading,
        columns={
            **types,
            **dict.fromkeys(named, "category"),
            **({weight: "number"} if weight else {}),
        },
        targets=(target,),
        keep=tuple(filter(None, (group, weight))),
    )
    description = tables.describe(source, options=options)
    beside = {*named, weight}
    others = [c for c in description.columns if c.used and c.name not in beside]
    features = [column for column in others if streamable(column)]
    remarks = (
        *description.remarks(),
        *(
            f"column {column.name!r} is left out: it holds a {column.type}, which a "
            "streamed training does not read"
            for column in others
            if not streamable(column)
        ),
    )
    if not features:
        raise DatasetError(
            f"{source}: no column is left to learn from. {'; '.join(remarks)}"
        )
    labels = description.column(target).distinct
    if not 2 <= labels <= MOST_LABELS:
        raise DatasetError(
            f"{source}: {target!r} has {labels} different values; a streamed training "
            f"predicts 2 to {MOST_LABELS} labels. Numbers are predicted by a training "
            "in memory: --rows N without --stream"
        )
    columns = Columns(features, target, group, description.rows, weight)
    return Choice(description, columns, options, remarks)
