"""What people read of a run: the card, tables, charts and pages."""
