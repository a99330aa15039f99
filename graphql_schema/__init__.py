"""The graph: what a client may ask. Types are plain values; async stands only on edges, behind loaders."""
