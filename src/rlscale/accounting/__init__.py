"""What a run takes: tokens and FLOPs by count, seconds and memory as measured."""
