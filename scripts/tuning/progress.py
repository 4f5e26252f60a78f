"""A progress bar with the time left and the best so far, on standard error if that is a terminal."""

import shutil
import sys
import threading
import time


def clock(seconds):
    seconds = max(0, round(seconds))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}" if seconds >= 3600 else f"{seconds // 60}:{seconds % 60:02}"


class Progress:
    """Redraws itself while it is entered; set `what`, `best`, `done` as they change."""

    def __init__(self, total, budget):
        self.total, self.budget, self.start = total, budget, time.monotonic()
        self.done, self.share, self.what, self.best = 0, 0.0, "", ""
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.redraw, daemon=True)

    def __enter__(self):
        if sys.stderr.isatty():
            self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        if self.thread.is_alive():
            self.thread.join()
            sys.stderr.write("\r\x1b[K")

    def line(self, width):
        elapsed = time.monotonic() - self.start
        share = self.done / max(1, self.total)
        # What has been done tells the pace; never longer than the budget allows.
        left = self.budget - elapsed
        if self.done:
            left = min(left, elapsed / share - elapsed)
        filled = round(20 * share)
        text = f"[{'#' * filled}{'-' * (20 - filled)}] {self.done}/{self.total}  {clock(left)} left"
        return "  ".join(part for part in [text, self.best, self.what] if part)[: width - 1]

    def redraw(self):
        while not self.stop.wait(0.5):
            sys.stderr.write("\r\x1b[K" + self.line(shutil.get_terminal_size().columns))
            sys.stderr.flush()
