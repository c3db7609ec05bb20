"""Servers that are only state. Their console says what tests have written down."""
import time

# Seconds after the server is ACTIVE, and what then comes.
CONSOLE = (
    (0.0, "[    0.000000] Linux version 6.1.0-double (nobody@nowhere)\r\n"),
    (0.05, 'kbuild-status: {"v":1,"state":"working","step":"network","n":1,"of":3}\r\n'),
    (0.1, 'kbuild-status: {"v":1,"state":"working","step":"application","n":3,"of":3}\r\n'),
    (0.15, 'kbuild-status: {"v":1,"state":"ready","cloud_init":"done","failed_units":[]}\r\n'),
)


class Paper:
    def __init__(self, script=CONSOLE):
        self.script = [tuple(line) for line in script]

    def start(self, server):
        pass

    def state(self, server):
        return "running"

    def busy(self, server):
        return False

    start_again = reboot = delete = start

    def stop(self, server):
        server.said = self.console(server)

    def attach(self, server, volume):
        pass

    detach = attach

    def console(self, server):
        if server.booted is None:
            return ""
        if server.vm_state == "stopped":
            return server.said  # whatever the next boot will say
        age = time.monotonic() - server.booted
        return "".join(text for after, text in self.script if after <= age)

    def close(self):
        pass
