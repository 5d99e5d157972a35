"""The six services of the pipeline, each one process."""
