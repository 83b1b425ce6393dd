"""The command line, which sends itself a signal at a chosen call of a Python function, counted in its main thread.

``python signalled.py PLAN COMMAND...``; the plan is a JSON object:

``after``
    ``[file, function, n]``: counting starts at the n-th call of this function; left out, where neurosim takes over.
``calls``
    After so many calls the signal is sent; null sends none.
``signal``
    Its number.
``again``
    Whether a second one follows, as soon as it is not taken for the same request.
``count``
    A file that the number of calls, from where counting starts, is written to at the end.
"""

import json
import os
import sys
import threading

from neurosim.process.interruption import ONE_REQUEST


class Counter:
    def __init__(self, plan):
        self.plan = plan
        self.file, self.function, self.times = plan.get("after") or ("cli/__init__.py", "_main", 1)
        self.calls = self.seen = 0
        self.sent = False

    def __call__(self, frame, event, argument):
        if event != "call":
            return
        if self.seen < self.times:
            code = frame.f_code
            if code.co_name == self.function and code.co_filename.endswith(self.file):
                self.seen += 1
            return
        self.calls += 1
        if not self.sent and self.plan["calls"] is not None and self.calls > self.plan["calls"]:
            self.sent = True
            if self.plan.get("again"):
                threading.Timer(2 * ONE_REQUEST, self.send).start()
            # What its handler raises is raised here, as by the function that is called; nothing is counted any more.
            self.send()

    def send(self):
        os.kill(os.getpid(), self.plan["signal"])


def main():
    plan = json.loads(sys.argv[1])
    sys.argv[:2] = ["neurosim"]
    counter = Counter(plan)
    leave = os._exit

    def count_and_leave(status):
        sys.setprofile(None)
        if plan.get("count"):
            with open(plan["count"], "w") as file:
                file.write(f"{counter.calls} {int(counter.sent)}")
        leave(status)

    os._exit = count_and_leave
    from neurosim.cli import main

    sys.setprofile(counter)
    main()


if __name__ == "__main__":
    main()
