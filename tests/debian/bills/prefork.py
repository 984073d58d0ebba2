"""A prefork server: the master loads 20,000 records, forks three workers, and each reads them all. docs/fork-bills.md

With "frozen" the master calls gc.freeze() first, as servers do to save copies.
"""
import gc
import os
import socket
import sys

WORKERS, RECORDS = 3, 20_000


def serve(listener, records):
    """Answers requests until one says to stop: each sums all records, and so takes a reference to each."""
    while True:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(1) == b"q":
                os._exit(0)
            total = 0
            for record in records:
                total += len(record)
            connection.sendall(str(total).encode())


def ask(address, request):
    with socket.create_connection(address) as connection:
        connection.sendall(request)
        return connection.recv(64).decode()


records = [f"record {number}" for number in range(RECORDS)]
if "frozen" in sys.argv:
    gc.freeze()
listeners = [socket.create_server(("127.0.0.1", 8000 + worker)) for worker in range(WORKERS)]
addresses = [listener.getsockname() for listener in listeners]
workers = []
for listener in listeners:
    worker = os.fork()
    if worker == 0:
        serve(listener, records)
    workers.append(worker)
answers = {ask(address, b"s") for address in addresses for _ in range(2)}
print(len(answers), "answer:", answers.pop())
for address in addresses:
    ask(address, b"q")
print("workers ended with", [os.waitpid(worker, 0)[1] for worker in workers])
