"""Where rows come from: pinned files, and data sets split once."""
