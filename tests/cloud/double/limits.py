"""Rate limits as OVH publishes them: Keystone by the minute and user, the others by the second and project."""
import time
from collections import deque

KEYSTONE = (60, 60.0)
OTHERS = (20, 1.0)


class Limits:
    def __init__(self):
        self.on = False
        self.keystone, self.others, self.native = KEYSTONE, OTHERS, OTHERS
        self.seen = {}

    def allow(self, kind, whose, now=None):
        """Seconds until it is allowed again, or 0: it is now."""
        if not self.on:
            return 0
        most, span = getattr(self, kind)
        now = time.monotonic() if now is None else now
        calls = self.seen.setdefault((kind, whose), deque())
        while calls and calls[0] <= now - span:
            calls.popleft()
        if len(calls) >= most:
            return max(1, round(calls[0] + span - now))
        calls.append(now)
        return 0
