"""Who may use the keys of encrypted versions, and read the secret of pseudonyms."""

from collections.abc import Collection, Sequence

from aws_cdk import aws_iam as iam

from hotseat_registry.wrapping_keys import CONTEXT


def grant_decrypt(role: iam.Role, keys: Sequence[str], models: Collection[str]) -> None:
    """Let a role unwrap the data keys of these models' versions, and no others.

    The model is in the encryption context of each (docs.aws.amazon.com, "Encryption
    context"), so that KMS itself refuses another model's.
    """
    if keys:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=list(keys),
                conditions={
                    "StringEquals": {f"kms:EncryptionContext:{CONTEXT}": sorted(models)}
                },
            )
        )


def grant_encrypt(role: iam.Role, keys: Sequence[str]) -> None:
    """Let a role make data keys for versions of any model."""
    if keys:
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:GenerateDataKey"],
                resources=list(keys),
                # nothing but a version of a model is encrypted with these keys
                conditions={"Null": {f"kms:EncryptionContext:{CONTEXT}": "false"}},
            )
        )


def grant_secret(role: iam.Role, secret: str, key: str) -> None:
    """Let a role read one secret, and decrypt it if its key is the studio's own."""
    if not secret:
        return
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"], resources=[secret]
        )
    )
    if key:
        region = secret.split(":")[3]
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[key],
                conditions={
                    "StringEquals": {
                        "kms:ViaService": f"secretsmanager.{region}.amazonaws.com",
                        "kms:EncryptionContext:SecretARN": secret,
                    }
                },
            )
        )
