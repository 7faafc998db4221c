"""The CDK's feature flags that the stacks are synthesized with.

The same list stands in infra/cdk.json, which the CDK's own commands read; a test
compares both, and deploys these templates over those without flags. Left out of what
the library recommends: what concerns no service here; `enablePartitionLiterals`, which
would replace the firewall's association with the API; and `recognizeLayerVersion`,
which would publish a function version equal to the former one: Lambda refuses that.
"""

FLAGS = {
    f"@aws-cdk/{name}": True
    for name in (
        "aws-apigateway:authorizerChangeDeploymentLogicalId",
        "aws-apigateway:disableCloudWatchRole",
        "aws-apigateway:logGroupDestinationArnWithoutWildcard",
        "aws-apigateway:requestValidatorUniqueId",
        "aws-codedeploy:removeAlarmsFromDeploymentGroup",
        "aws-ec2:restrictDefaultSecurityGroup",
        "aws-events:requireEventBusPolicySid",
        "aws-iam:minimizePolicies",
        "aws-iam:oidcRejectUnauthorizedConnections",
        "aws-kms:aliasNameRef",
        "aws-kms:reduceCrossAccountRegionPolicyScope",
        "aws-lambda:useCdkManagedLogGroup",
        "aws-s3:createDefaultLoggingPolicy",
        "aws-s3:publicAccessBlockedByDefault",
        "aws-s3:serverAccessLogsUseBucketPolicy",
        "aws-sns-subscriptions:restrictSqsDescryption",
        "core:checkSecretUsage",
        "core:includePrefixInUniqueNameGeneration",
        "core:validateSnapshotRemovalPolicy",
    )
}
