"""What the command `hotseat` does in this room."""
