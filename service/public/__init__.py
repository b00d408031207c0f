"""Everyone's room: pages and the open API. It reads what is published, and nothing else."""
