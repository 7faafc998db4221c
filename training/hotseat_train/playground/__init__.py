"""The playground: models to play with in a browser, without training or data sets."""
