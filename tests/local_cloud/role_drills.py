"""The drills of a registry, each under its own role, after an earlier deployment.

The commands are those of docs/how-to/operate.md. The roles and their policies are the
deployed ones; each request is checked against them, and what a role may not do is
refused.
"""

from local_cloud.commands import REGISTRY, STATIC, Commands
from local_cloud.player_tokens import make_key


def walk(step: Commands) -> None:
    """Publish, sign, promote, roll back, verify, collect, copy: as who may."""
    step.say("\n8. The drills under their roles, on the second day")
    games, key, file = step.folder / STATIC, make_key(step, "release"), "one.tar"
    archive = step.folder / file
    elsewhere = step.outputs[REGISTRY]["Uri"].rpartition("/")[0] + "/hotseat"
    promote = ("model", "promote", f"{STATIC}@3", "--because", "the second day")
    for role, *words in (
        ("publisher", "publish", games),
        ("signer", "model", "sign", f"{STATIC}@3", "--key", key),
        ("approver", *promote),
        ("approver", "model", "promote", f"{STATIC}@2", "--because", "once more"),
        ("approver", "model", "rollback", STATIC, "--because", "the drill"),
        ("reader", "model", "verify"),
        ("reader", "model", "history", STATIC),
        # a version that differs from the newest one: else the import is refused
        ("reader", "registry", "export", "sentiment@1", archive),
        ("mover", "registry", "import", archive, "--registry", elsewhere),
        ("collector", "registry", "gc"),
    ):
        step.hotseat(*words, role=role)
    for role, *words in (
        ("publisher", *promote),
        ("publisher", "model", "sign", f"{STATIC}@1", "--key", key),
        ("approver", "publish", games),
        ("signer", *promote),
        ("mover", *promote),
        ("collector", "publish", games),
        ("reader", "publish", games),
    ):
        output = step.hotseat(*words, role=role, fails=True)
        assert "AccessDenied" in output, output
        step.say("  refused")
