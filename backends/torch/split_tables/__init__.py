"""The expert stage over tables that lie in several processes: who owns what, the messages, and the sums."""
