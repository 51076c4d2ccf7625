"""What a `train` section may say: losses, optimizers, schedules and options, each declared in one place."""
