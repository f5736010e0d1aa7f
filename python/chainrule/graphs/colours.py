"""The colours of pictures of graphs: values blue, derivatives orange, each dark enough to read on the box behind it."""

INKS = {"title": "#1c2230", "muted": "#667085", "value": "#1d4fb8", "derivative": "#b4430b"}
EDGES = {"value": "#7d9fdc", "derivative": "#e39a6b"}
FILLS = {"input": "#edf3ff", "output": "#fff1e6", "constant": "#f3f4f6", "inner": "#ffffff"}
BORDERS = {"input": "#8fb0ea", "output": "#e2a077", "constant": "#b9bfca", "inner": "#aab2c0"}
PAPER = "#fcfcfd"
RIM = "#dfe3ea"
