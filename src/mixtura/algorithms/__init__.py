"""Iterations on sources of rows: the loop, EM, k-means, starts and stopping rules."""
