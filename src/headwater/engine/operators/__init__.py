"""One module per kind of step: each adds the step's code to the stage functions that rows pass through."""
