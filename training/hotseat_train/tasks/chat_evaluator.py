"""Evaluates chat moderation: labels, operating points, context, players."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from hotseat_registry.decision import Decision
from hotseat_registry.scripts import script_of
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.evaluation import operating_points
from hotseat_train.evaluation.labelled import SupervisedEvaluator, predict
from hotseat_train.evaluation.paired_bootstrap import wilson
from hotseat_train.tasks.chat_conversations import Line, distinct
from hotseat_train.tasks.chat_labels import SEVERITY

Array = np.ndarray[Any, Any]
Answers = Sequence[Mapping[str, Any]]
_TOXIC, _OK = "toxic", "ok"
_INTENTS = {"E": _TOXIC, "O": _OK}
_DRAWS = 500
_MANY = 2
"""So many toxic lines in a match make a player one for a person to look at."""


class ChatEvaluator(SupervisedEvaluator):
    """Chooses operating points on validation rows, then measures on test rows.

    `conversations` are the lines of the validation and of the test matches.
    """

    def __init__(
        self, *args: Any, conversations: tuple[list[Line], list[Line]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._conversations = conversations

    def measure(
        self, models: Mapping[str, LoadedModel]
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """See `SupervisedEvaluator.measure`."""
        # thresholds are those of the variant that serves: int8, if there is one
        serving = next(
            (model for name, model in models.items() if "int8" in name),
            next(iter(models.values())),
        )
        decision = self._decision(serving)
        self.signature = replace(self.signature, decision=decision)
        for model in models.values():
            model.manifest = replace(model.manifest, signature=self.signature)
        metrics, curves = super().measure(models)
        for name, model in models.items():
            metrics[name]["operating_points"] = self._points(model, decision)
            metrics[name].update(self._with_context(model, decision))
        return metrics, curves

    def _decision(self, model: LoadedModel) -> Decision:
        rows = self._dataset.validation
        targets = np.array(rows.targets)
        own = operating_points.odds((_TOXIC,), predict(model, rows.inputs))
        toxic = targets == self._dataset.labels.index(_TOXIC)
        neutral = targets == self._dataset.labels.index(_OK)
        lines = [line for line in self._conversations[0] if line.label in _INTENTS]
        found = _odds_of_lines(model, lines)
        han = np.array([bool(script_of(("Han",), text)) for text in rows.inputs])
        scripts = {"Han": han} if han.any() and not han.all() else None
        chosen = operating_points.choose((_TOXIC,), own, toxic, neutral, found, scripts)
        return replace(chosen, severity=SEVERITY)

    def _language(self, text: str) -> str:
        return self._group(text) if self._group is not None else ""

    def _points(self, model: LoadedModel, decision: Decision) -> dict[str, Any]:
        """Return what each operating point flags of the test rows, by language."""
        test, labels = self._dataset.test, self._dataset.labels
        languages = [self._language(text) for text in test.inputs]
        judged = [answer["decision"] for answer in predict(model, test.inputs)]
        found: dict[str, Any] = {}
        for name in decision.operating_points:
            flagged: dict[tuple[str, str], list[bool]] = defaultdict(list)
            thresholds: dict[str, float] = {}
            for language, target, row in zip(
                languages, test.targets, judged, strict=True
            ):
                part = (decision.scripts or {}).get(row.get("script"), decision)
                thresholds[language] = part.operating_points[name].threshold
                is_flagged = row["score"] >= thresholds[language]
                flagged[language, labels[target]].append(is_flagged)
            found[name] = {
                language: {
                    "threshold": thresholds[language],
                    "flagged_of_ok": _share(flagged[language, _OK]),
                    "flagged_of_toxic": _share(flagged[language, _TOXIC]),
                }
                for language in sorted(thresholds)
            }
        return found

    def _with_context(self, model: LoadedModel, decision: Decision) -> dict[str, Any]:
        """Return what the lines before a line, and a player's other lines, are for."""
        lines = [line for line in self._conversations[1] if line.label in _INTENTS]
        rule = decision.conversation
        if rule is None or not lines:
            return {}
        found = _odds_of_lines(model, lines)
        own, before, toxic = found[:, 0], found[:, 1], found[:, 2] > 0
        alone = decision.offset + decision.scale * own
        beside = rule.offset + rule.scale * own + rule.weight * before
        return {
            "context": _gain(toxic, alone, beside),
            "players": _players(model, lines),
        }


def _odds_of_lines(model: LoadedModel, lines: Sequence[Line]) -> Array:
    """Return [lines, 3]: own log odds, the highest before, and 1 for a toxic line.

    Lines without a context are left out.
    """
    lines = [line for line in lines if line.context]
    if not lines:
        return np.empty((0, 3))
    texts = distinct(lines)
    values = operating_points.odds((_TOXIC,), predict(model, texts))
    of_text = dict(zip(texts, values.tolist(), strict=True))
    return np.array(
        [
            [
                of_text[line.text],
                max(of_text[text] for text in line.context),
                _INTENTS[line.label] == _TOXIC,
            ]
            for line in lines
        ]
    )


def _share(flagged: Sequence[bool]) -> dict[str, Any]:
    """Return the share of rows that are flagged, with its interval."""
    if not flagged:
        return {}
    return {
        "share": round(sum(flagged) / len(flagged), 4),
        "interval": [round(bound, 4) for bound in wilson(sum(flagged), len(flagged))],
        "rows": len(flagged),
    }


def _gain(truth: Array, alone: Array, beside: Array) -> dict[str, Any]:
    """Return ROC AUC without and with context, and the gain with its interval.

    The interval is of a bootstrap over rows (Efron 1979).
    """
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(_DRAWS):
        rows = rng.integers(len(truth), size=len(truth))
        if truth[rows].any() and not truth[rows].all():
            gains.append(
                roc_auc_score(truth[rows], beside[rows])
                - roc_auc_score(truth[rows], alone[rows])
            )
    first, second = (float(roc_auc_score(truth, x)) for x in (alone, beside))
    return {
        "roc_auc": round(first, 4),
        "roc_auc_with_context": round(second, 4),
        "gain": round(second - first, 4),
        "gain_interval": [
            round(float(bound), 4) for bound in np.quantile(gains, [0.025, 0.975])
        ],
        "rows": len(truth),
    }


def _players(model: LoadedModel, lines: Sequence[Line]) -> dict[str, Any]:
    """Return how well `review` finds players with several toxic lines in a match."""
    said: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        said[line.player].append(line)
    inputs = [
        {"text": own[-1].text, "history": [line.text for line in own[:-1]]}
        for own in said.values()
    ]
    reviewed = np.array(
        [answer["player"]["review"] for answer in predict(model, inputs)]
    )
    many = np.array(
        [
            sum(_INTENTS[line.label] == _TOXIC for line in own) >= _MANY
            for own in said.values()
        ]
    )
    caught, right = int((reviewed & many).sum()), int(reviewed.sum())
    return {
        "players": len(many),
        "with_several_toxic_lines": int(many.sum()),
        "reviewed": right,
        "precision": round(caught / max(1, right), 4),
        "recall": round(caught / max(1, int(many.sum())), 4),
    }
