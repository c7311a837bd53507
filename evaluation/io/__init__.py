"""What every core may use and that knows none of them: files that appear whole, JSON that is read with its place."""
