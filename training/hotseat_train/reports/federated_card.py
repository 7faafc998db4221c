"""The federated part of a model's card."""

from collections.abc import Mapping
from typing import Any

_NAMES = {"fedavg": "FedAvg", "fedavgm": "FedAvgM"}


def section(federated: Mapping[str, Any] | None) -> list[str]:
    """Return the section of a card; nothing for a run in one place."""
    if federated is None:
        return []
    listed = [f"- {line}" for line in lines(federated)]
    return ["## Federated training", "", *listed, ""]


def lines(federated: Mapping[str, Any]) -> list[str]:
    """Return how it was trained, what protects whom, and what an attack achieves."""
    settings = federated["settings"]
    how = _NAMES[settings["strategy"]]
    if settings["strategy"] == "fedavgm":
        how += f" (momentum {settings['server_momentum']})"
    found = [
        (f"{how} by Flower {federated['flower']}: {settings['rounds']} rounds on "
        f"{federated['clients']:,} clients, {settings['fraction']:.0%} of them in a "
        f"round, {settings['local_epochs']} local epochs."),
        (f"A client: {federated['unit']}. Rows stay with their client."),
        f"Preprocessing from no row: {federated['preprocessing']}.",
        f"Secure aggregation: {federated['secure_aggregation']}.",
        _privacy(federated["privacy"]),
    ]  # fmt: skip
    attack = federated.get("membership")
    if attack:
        groups = attack["groups"]
        whole = "" if groups is None else f", of whole groups {groups:.3f}"
        found.append(
            f"Membership attacks, area under the ROC curve (0.5 is chance): by loss "
            f"{attack['loss']:.3f}, calibrated {attack['calibrated']:.3f}{whole}; "
            f"{attack['members']:,} training rows, {attack['others']:,} others."
        )
    return found


def _privacy(privacy: Mapping[str, Any] | None) -> str:
    if privacy is None:
        return "Differential privacy: none. Updates may give away rows of a client."
    return (
        f"Differential privacy: epsilon {privacy['epsilon']:g}, delta "
        f"{privacy['delta']:.2g}; protected is {privacy['unit']} (neighbours: "
        f"{privacy['neighbours']}). Updates clipped to {privacy['clip']:g}, noise "
        f"multiplier {privacy['noise_multiplier']:.3f}, {privacy['rounds']} releases; "
        f"{privacy['accountant']}. {privacy['mechanism']}: whoever runs the server "
        "sees updates without it."
    )
