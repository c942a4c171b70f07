"""What the person can do: these join the widgets with the engine and the store."""
