"""`make bench`: what Pillion costs, beside what else could be had, as ratios of one run on one machine."""
