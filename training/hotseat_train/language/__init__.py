"""Language models: examples to tune one with, the tuning, what its texts are like."""
