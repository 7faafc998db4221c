"""The model card of a language model that was trained elsewhere."""

from hotseat_registry import Manifest

_HEAD = "| variant | MiB | tokens/s | first token, ms | cold start, ms | perplexity |"


def of(manifest: Manifest, source: str, *, with_perplexity: bool) -> str:
    """Return the card, in Markdown."""
    plan = manifest.signature.text
    assert plan is not None
    first = manifest.variants[0].metrics
    rows = []
    for variant in manifest.variants:
        found = variant.metrics
        rows.append(
            f"| {variant.name} | {found['bytes'] / 2**20:,.0f} | "
            f"{found['tokens_per_second']:.0f} | {found['first_token_ms']:.0f} | "
            f"{found['cold_start_ms']:.0f} | {found.get('perplexity', '')} |"
        )
    lines = [
        f"# {manifest.model}",
        "",
        f"A language model that was trained elsewhere, published from `{source}`.",
        f"It reads {plan.context_tokens:,} tokens, prompt and answer together.",
        "",
        _HEAD,
        "|---|---|---|---|---|---|",
        *rows,
        "",
        f"Measured on {first['cpu']}, one thread. A cold start goes from the start of",
        "a process to its first token.",
    ]
    if with_perplexity:
        text = f"The perplexity is of {first['tokens']:,} held-out tokens; "
        lines += ["", text + f"fp32 of the same source: {first['fp32_perplexity']}."]
    else:
        lines += ["", "The perplexity of held-out texts was not measured."]
    if plan.slots:
        names = ", ".join(slot.name for slot in plan.callers_slots)
        lines += ["", f"Games fill the slots of its template: {names}."]
    if (rule := plan.retrieval) is not None:
        lines.append(
            f"The service fills {rule.slot} with what {rule.model} finds to "
            f"{rule.query}."
        )
    return "\n".join(lines) + "\n"
