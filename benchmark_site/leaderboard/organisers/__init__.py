"""What those who run a board do: its settings, who takes part."""
