"""WAF in front of the API: a rate limit by address, and a reputation list."""

from aws_cdk import aws_wafv2 as waf
from constructs import Construct


class Firewall(Construct):
    """Rules on one stage of a REST API; an HTTP API takes none.

    `limit` is one address's number of requests in five minutes, `metric` the name in
    CloudWatch. The service checks
    bodies, as it knows each model's limits: WAF reads only their first kilobytes.
    """

    def __init__(
        self, scope: Construct, name: str, *, stage: str, limit: int, metric: str
    ) -> None:
        super().__init__(scope, name)
        often = waf.CfnWebACL.StatementProperty(
            rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                limit=limit, aggregate_key_type="IP"
            )
        )
        known = waf.CfnWebACL.StatementProperty(
            managed_rule_group_statement=(
                waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                    vendor_name="AWS", name="AWSManagedRulesAmazonIpReputationList"
                )
            )
        )
        acl = waf.CfnWebACL(
            self,
            "Acl",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen(metric),
            rules=[
                waf.CfnWebACL.RuleProperty(
                    name="too-often",
                    priority=0,
                    action=waf.CfnWebACL.RuleActionProperty(block={}),
                    statement=often,
                    visibility_config=_seen("too-often"),
                ),
                waf.CfnWebACL.RuleProperty(
                    name="known-bad",
                    priority=1,
                    override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
                    statement=known,
                    visibility_config=_seen("known-bad"),
                ),
            ],
        )
        waf.CfnWebACLAssociation(
            self, "OnApi", resource_arn=stage, web_acl_arn=acl.attr_arn
        )


def _seen(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True,
        metric_name=name,
        sampled_requests_enabled=False,  # samples would store players' texts
    )
