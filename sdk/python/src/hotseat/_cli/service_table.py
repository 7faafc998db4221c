"""A service that answers the rows of a table, for `hotseat predict --output`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotseat._client import ModelServiceClient
from hotseat.errors import BadInputError, ConfigError, TooLargeError


@dataclass(frozen=True)
class ServiceTable:
    """One version of a service's model; see `hotseat_train.batch.predictors`."""

    client: ModelServiceClient
    card: Mapping[str, Any] = field(repr=False)
    """The model's entry in the catalogue, with its signature."""
    version: int

    def ask(self, inputs: Sequence[Any], version: int) -> list[Mapping[str, Any]]:
        """Return the answers to some rows; raises `HotseatError`.

        Raises ValueError if a row does not fit the model.
        """
        try:
            answers = self.client.predict_many(
                inputs, model=self.card["name"], version=version
            )
        except (BadInputError, TooLargeError) as error:
            raise ValueError(error.detail) from None
        return [answer.raw for answer in answers]


def find(
    client: ModelServiceClient, model: str | None, version: str | None
) -> ServiceTable:
    """Describe a version of a service's model; raises `HotseatError`.

    An alias is resolved once: the whole table is answered by one version.
    """
    if model is None:
        names = [item.name for item in client.models()]
        if len(names) != 1:
            raise ConfigError(
                f"the service has {len(names)} models ({', '.join(names)}): name one "
                "with --model"
            )
        model = names[0]
    entry = client.card(model)
    if version is None or version == "live":
        number = entry.version
    elif version.isdecimal():
        number = int(version)
    elif version in entry.aliases:
        number = entry.aliases[version]
    else:
        raise ConfigError(
            f"{model} has no alias {version!r}; it has {', '.join(entry.aliases)}"
        )
    return ServiceTable(client, entry.raw, number)
