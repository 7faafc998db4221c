"""Reports of runs and versions: cards, tables, charts and pages."""
