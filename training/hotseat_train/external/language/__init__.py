"""Language models trained elsewhere: converted, described, measured, published."""
