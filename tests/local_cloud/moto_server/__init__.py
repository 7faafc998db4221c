"""Moto's server, and what CloudFormation, Lambda and S3 do that moto does not."""
