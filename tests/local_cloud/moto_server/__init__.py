"""The processes of moto, with what CloudFormation, Lambda and S3 do beyond it."""
