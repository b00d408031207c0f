"""The benchmarks at work, on small inputs: what they tell, never how fast it was."""
