"""Plans and texts that users copy and edit; they are data, found through importlib.resources."""
