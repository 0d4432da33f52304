"""Peers that need the extra `bench`: imported when they are measured, and by nothing else."""
