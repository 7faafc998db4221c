"""The application core: routes, the game API and the Open Inference Protocol."""
