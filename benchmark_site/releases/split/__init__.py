"""Which split a video has, which task a hidden clip serves, what earlier versions bind."""
