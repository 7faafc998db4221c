"""Networks for boards, trained by self-play."""
