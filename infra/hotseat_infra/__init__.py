"""The platform's deployment to AWS."""
