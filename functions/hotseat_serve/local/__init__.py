"""`hotseat serve`: its processes, and what they report to operators."""
