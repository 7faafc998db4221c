"""Language models on the device: the service's loop, with the SDK's errors."""
