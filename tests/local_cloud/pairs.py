"""Pairs of deployment files that differ in one key, deployed over each other for real.

Each change is deployed over the base file and taken back, with CDK's own command: so
each pair is walked in both directions. `make deploy-pairs` walks all, CI two of them.
Nothing is called: which version answers is the lifecycle's part.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import boto3

from hotseat_infra.account_check import Account
from hotseat_infra.deployment import read
from local_cloud import inventory
from local_cloud.commands import BAKED, REGISTRY, SERVICE, STAGE, STATIC, Commands
from local_cloud.processes import ACCOUNT, REGION

BASE = f"""[stages.{STAGE}]
account = "{ACCOUNT}"
region = "{REGION}"
alarm_email = "operators@example.com"
default_model = "sentiment"
unsigned = true

[stages.{STAGE}.api]
games = ["first-game"]

[stages.{STAGE}.models.sentiment]
"""
_API = f"[stages.{STAGE}.api]\n"
_MODEL = f"[stages.{STAGE}.models.sentiment]\n"
_DYNAMIC = f"\n[stages.{STAGE}.models.{STATIC}]\n"
_DOMAIN = (
    'domain = "models.example.com"\nzone = "ZONE"\n'
    f'certificate = "arn:aws:acm:{REGION}:{ACCOUNT}:certificate/c-1"\n'
)


@dataclass(frozen=True)
class Change:
    """One change of the deployment file: a text put after, or in place of, another."""

    at: str
    text: str
    instead: bool = False
    base: str = BASE
    """The file that it changes."""
    says: str = ""
    """What ``hotseat deploy check --account`` says of it before the deployment."""

    def apply(self, file: str) -> str:
        """Return the changed file."""
        assert self.at in file, self.at
        after = self.text if self.instead else self.at + self.text
        return file.replace(self.at, after, 1)


CHANGES: Mapping[str, Change] = {
    "mode": Change(_DYNAMIC, 'mode = "static"\nversion = 1\n', base=BASE + _DYNAMIC),
    "model": Change(_MODEL, f"\n[stages.{STAGE}.models.churn]\n"),
    "stack": Change(_MODEL, f'\n[stages.{STAGE}.models.churn]\nstack = "more"\n'),
    "provisioned_concurrency": Change(_MODEL, "provisioned_concurrency = 2\n"),
    "canary": Change(_MODEL, 'canary = "CANARY_10_PERCENT_5_MINUTES"\n'),
    "kind": Change(
        'games = ["first-game"]\n',
        'kind = "http"\n',
        instead=True,
        says="it gets another address",
    ),
    "domain": Change(_API, _DOMAIN),
    "access": Change(_API, 'access = "tokens"\n'),
    "games": Change('["first-game"]', '["first-game", "second"]', instead=True),
    "memory_mb": Change(_MODEL, "memory_mb = 2048\nephemeral_storage_mb = 2048\n"),
}
"""Ten keys; "mode" by a model of its own, whose version needs no training."""


class Pairs(Commands):
    """Walks the pairs of some keys."""

    def walk(self, names: Sequence[str]) -> None:
        """Deploy the base file, then each change and its way back."""
        self.say("Deploy a registry and a service")
        self.say(f"$ cdk bootstrap aws://{ACCOUNT}/{REGION}")
        self.cloud.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", "")
        self.file.write_text(BASE)
        self.cdk("deploy", REGISTRY)
        zone = boto3.client("route53", region_name=REGION).create_hosted_zone(
            Name="example.com", CallerReference="pairs"
        )
        self._deployed = ""
        self._zone = zone["HostedZone"]["Id"].rpartition("/")[2]
        try:
            for name in names:
                self._pair(name)
        finally:
            shutil.rmtree(BAKED, ignore_errors=True)

    def _pair(self, name: str) -> None:
        self.say(f"\n{name}")
        change = CHANGES[name]
        base = change.base
        if name == "mode":
            games = self.folder / STATIC
            self.hotseat("train", STATIC, "--pretrained", "--run", games)
            self.hotseat("publish", games)
            self.bake(1)
        if base != self._deployed:
            self._deploy(base)
        before = inventory.read_account(REGION)
        self.file.write_text(change.apply(base).replace("ZONE", self._zone))
        if change.says:
            self.say(f"  before: {self._check(change.says)}")
        self._deploy(self.file.read_text("utf-8"))
        between = inventory.added(inventory.read_account(REGION), before)
        for kind, names in between.items():
            self.say(f"  {kind}: {len(names)} more")
        self._deploy(base)
        left = differences(inventory.read_account(REGION), before)
        assert left == [], left
        self.say("  and back: the account is as before")

    def _deploy(self, text: str) -> None:
        self.file.write_text(text)
        self.cdk("deploy", SERVICE)
        self._deployed = text

    def _check(self, says: str) -> str:
        """Return the warning of ``hotseat deploy check --account``."""
        stage = read(self.file, STAGE)
        names = ("cloudformation", "apigateway")
        stacks, gateway = (boto3.client(name, region_name=REGION) for name in names)
        warnings = Account(stacks, _Quota(), gateway).check(stage)
        (found,) = (warning for warning in warnings if says in warning)
        return found


class _Quota:
    """Lambda's quota of an account in use; moto has no GetAccountSettings."""

    def get_account_settings(self) -> dict[str, dict[str, int]]:
        """Return the usual quota."""
        return {"AccountLimit": {"ConcurrentExecutions": 1_000}}


def differences(after: inventory.Inventory, before: inventory.Inventory) -> list[str]:
    """Return what a change and its way back left different in the account.

    Function versions are kept, and so is the role of API Gateway's logs, which all APIs
    of an account share. What was replaced has another generated name.
    """
    found = []
    for kind in sorted(before.keys() - {"function versions and aliases"}):
        new, gone = after[kind] - before[kind], before[kind] - after[kind]
        if kind == "roles":
            new = frozenset(name for name in new if "CloudWatchRole" not in name)
        if kind in _RENAMED and len(after[kind]) == len(before[kind]):
            continue
        if new or gone:
            found.append(f"{kind}: {sorted(new)} more, {sorted(gone)} less")
    return found


_RENAMED = {"API parts", "APIs", "deployment groups", "log groups"}
