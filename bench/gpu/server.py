"""The process that measures, and what ends it when it hangs."""

import multiprocessing

from measurer import PEERS, serve


class Server:
    """The process that measures; another one after an error, or when it does not answer."""

    def __init__(self, patience, *arguments):
        self.patience, self.arguments = patience, list(arguments)
        self.process = None
        self.about = self.start()

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, end = context.Pipe()
        self.process = context.Process(target=serve, args=(end, *self.arguments), daemon=True)
        self.process.start()
        end.close()
        about = self.connection.recv()
        self.arguments[-1] = about["ceilings"]
        return about

    def stop(self):
        self.process.kill()
        self.process.join()

    def row(self, *case):
        """Of (layer, batch, length, mode). Peers that do not come back are left out."""
        left_out = {}
        while True:
            self.connection.send((*case, left_out))
            running, row, why = "the case", None, f"no answer within {self.patience:g} s"
            try:
                while row is None and self.connection.poll(self.patience):
                    answer = self.connection.recv()
                    if isinstance(answer, dict):
                        row = answer
                    else:
                        running = answer
            except EOFError:
                why = "its process ended"
            if row and "error" not in row:
                return row
            self.stop()
            self.start()
            if row:
                return row
            if running not in PEERS or running in left_out:
                return {"error": f"{running}: {why}"}
            left_out[running] = why
