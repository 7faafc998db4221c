"""Federated training: clients keep their rows and send weights (McMahan et al. 2017).

`partition` cuts rows into clients, `local_training` is what a client does in a round,
`settings` and `privacy` say how rounds are aggregated, and `flower` runs them: the one
module that imports Flower.
"""
