"""Labels with finer categories, and rows of sources that know the label alone."""

import pytest
import torch

from hotseat_train.models.text.categories import Categories
from hotseat_train.onnx_graph.export import to_onnx

TREE = Categories(("ok", "toxic", "report"), {"toxic": ("insult", "threat")})
LOGITS = torch.tensor([[0.3, -1.0, 2.0, 0.1], [1.0, 0.0, -40.0, 3.0]])


def test_a_label_s_probability_is_the_sum_of_its_categories():
    """A label without categories is its own only one."""
    assert TREE.outputs == ("ok", "insult", "threat", "report")
    whole, parts = TREE.merged(LOGITS).exp(), LOGITS.softmax(1)
    torch.testing.assert_close(whole.sum(1), torch.ones(2))
    torch.testing.assert_close(whole[:, 1], parts[:, 1] + parts[:, 2])


def test_int8_rounds_no_sum_of_categories():
    """The graph sums them without a product, which a quantizer would replace."""

    class Sums(torch.nn.Module):
        def forward(self, logits):
            return TREE.summed(logits.softmax(1))

    torch.testing.assert_close(Sums()(LOGITS), TREE.merged(LOGITS).exp())
    graph = to_onnx(Sums(), {"logits": LOGITS}, ["scores"]).graph
    assert not {node.op_type for node in graph.node} & {"MatMul", "Gemm"}


def test_a_row_of_a_known_category_has_the_usual_loss():
    """Cross-entropy of the category, not of its label."""
    allowed = TREE.allowed([1, 0], [frozenset({"threat"}), frozenset({"ok"})])
    usual = torch.nn.functional.cross_entropy(
        LOGITS, torch.tensor([2, 0]), reduction="none"
    )
    torch.testing.assert_close(TREE.losses(LOGITS, allowed, None, 0.0), usual)


def test_a_row_whose_category_is_unknown_pulls_towards_none_of_them():
    """Its loss is the label's: the two categories keep their ratio."""
    logits = LOGITS[:1].clone().requires_grad_()
    allowed = TREE.allowed([1], ())
    loss = TREE.losses(logits, allowed, None, 0.0)
    assert loss.item() == pytest.approx(-TREE.merged(logits)[0, 1].item(), abs=1e-6)
    loss.sum().backward()
    gradient, parts = logits.grad[0], logits.detach().softmax(1)[0]
    ratio = gradient[1] / gradient[2]
    torch.testing.assert_close(ratio, parts[1] / parts[2])


def test_a_teacher_of_the_labels_counts_by_its_weight():
    """It says nothing about categories."""
    allowed = TREE.allowed([1, 0], ())
    teacher = torch.tensor([[0.2, 0.7, 0.1], [1.0, 0.0, 0.0]])
    own = TREE.losses(LOGITS, allowed, None, 0.0)
    taught = -(teacher * TREE.merged(LOGITS)).sum(1)
    torch.testing.assert_close(
        TREE.losses(LOGITS, allowed, teacher, 0.25), 0.75 * own + 0.25 * taught
    )
