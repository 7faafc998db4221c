"""WAF in front of the API: rate limits by address and by key, a reputation list."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from hotseat_infra.deployment import Stage
from hotseat_infra.deployment.network_rules import requests_per_5_minutes
from hotseat_infra.stacks.log_retention import retention

KEY_HEADER = "x-api-key"
_OF_PLAN = 2
"""WAF's limit of a key, as a multiple of the largest plan, unless the file sets it: the
plan answers first, with 429; WAF ends what ignores that."""


class Firewall(Construct):
    """Rules on one stage of a REST API; an HTTP API takes none.

    The service checks bodies, as it knows each model's limits: WAF reads only their
    first kilobytes, and its rules for bodies would block what a chat filter has to
    read. Blocked requests are logged, without keys and tokens.
    """

    def __init__(
        self, scope: Construct, name: str, *, stage: Stage, api_stage: str
    ) -> None:
        super().__init__(scope, name)
        api, metric = stage.api, f"hotseat-{stage.name}"
        statement = waf.CfnWebACL.StatementProperty
        often = statement(
            rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                limit=api.waf_requests_per_5_minutes, aggregate_key_type="IP"
            )
        )
        known = statement(
            managed_rule_group_statement=(
                waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                    vendor_name="AWS", name="AWSManagedRulesAmazonIpReputationList"
                )
            )
        )
        rules = [
            _blocking("too-often", 0, often),
            waf.CfnWebACL.RuleProperty(
                name="known-bad",
                priority=1,
                override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
                statement=known,
                visibility_config=_seen("known-bad"),
            ),
        ]
        if api.games:
            rules.append(_blocking("key-too-often", 2, _by_key(stage)))
        acl = waf.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen(metric),
            rules=rules,
        )
        waf.CfnWebACLAssociation(
            self, "OnApi", resource_arn=api_stage, web_acl_arn=acl.attr_arn
        )
        self._log_blocked(stage, acl)

    def _log_blocked(self, stage: Stage, acl: waf.CfnWebACL) -> None:
        """Log blocked requests; WAF demands the name's beginning."""
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"aws-waf-logs-hotseat-{stage.name}",
            retention=retention(stage.log_days),
            removal_policy=RemovalPolicy.DESTROY,
        )
        group = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group"
        configuration = waf.CfnLoggingConfiguration(
            self,
            "Blocked",
            resource_arn=acl.attr_arn,
            # without the :* at the end of a log group's own ARN
            log_destination_configs=[f"{group}:{log.log_group_name}"],
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(
                    single_header={"Name": header}
                )
                for header in ("authorization", KEY_HEADER)
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
                    }
                ],
            },
        )
        configuration.node.add_dependency(log)


def key_limit(stage: Stage) -> int:
    """Return WAF's limit of one key in five minutes."""
    return stage.api.waf_key_requests_per_5_minutes or (
        _OF_PLAN * requests_per_5_minutes(stage.api)
    )


def _by_key(stage: Stage) -> waf.CfnWebACL.StatementProperty:
    """Return the rate limit of each key; a request without one is not counted."""
    header = waf.CfnWebACL.RateLimitHeaderProperty(
        name=KEY_HEADER,
        text_transformations=[
            waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")
        ],
    )
    return waf.CfnWebACL.StatementProperty(
        rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
            limit=key_limit(stage),
            aggregate_key_type="CUSTOM_KEYS",
            custom_keys=[
                waf.CfnWebACL.RateBasedStatementCustomKeyProperty(header=header)
            ],
        )
    )


def _blocking(
    name: str, priority: int, statement: waf.CfnWebACL.StatementProperty
) -> waf.CfnWebACL.RuleProperty:
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        action=waf.CfnWebACL.RuleActionProperty(block={}),
        statement=statement,
        visibility_config=_seen(name),
    )


def _seen(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True,
        metric_name=name,
        sampled_requests_enabled=False,  # samples would store players' texts
    )
