"""The CDK stacks of one stage: registry, functions, API, alarms and dashboard."""
