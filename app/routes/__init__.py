"""The doors: each module turns HTTP into one call inside, and its outcome back into HTTP."""
