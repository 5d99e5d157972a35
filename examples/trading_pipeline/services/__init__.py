"""The five services of the pipeline, each one process."""
