"""When a pass runs, and what runs beside the passes."""
