"""What people take away: the daily and weekly report."""
