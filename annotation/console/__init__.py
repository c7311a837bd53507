"""What a requester sees of work under way: progress and forecast, figures, workers, exports."""
