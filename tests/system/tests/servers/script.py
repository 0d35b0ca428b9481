"""Uses what servers use, and prints what must be the same on every Linux: argument 1 is a directory."""

import asyncio
import collections
import ctypes
import datetime
import decimal
import fcntl
import gzip
import hashlib
import hmac
import io
import json
import mmap
import os
import pickle
import queue
import random
import re
import select
import selectors
import shutil
import signal
import socket
import socketserver
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

place = sys.argv[1]


def section(function):
    print(f"--- {function.__name__}")
    try:
        function()
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    sys.stdout.flush()
    return function


@section
def threads():
    total, lock = 0, threading.Lock()

    def work(n):
        nonlocal total
        for i in range(2000):
            with lock:
                total += n

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    print(total, threading.active_count())
    q = queue.Queue(3)
    feeder = threading.Thread(target=lambda: [q.put(i) for i in range(20)] and None)
    feeder.start()
    print([q.get(timeout=5) for _ in range(20)])
    feeder.join()
    try:
        q.get(timeout=0.05)
    except queue.Empty:
        print("empty")
    event = threading.Event()
    threading.Timer(0.02, event.set).start()
    print(event.wait(5), event.wait(0))
    barrier = threading.Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        print(sorted(f.result() for f in [pool.submit(barrier.wait) for _ in range(3)]))
        print(list(pool.map(lambda x: x * x, range(10))))
    local = threading.local()
    local.x = 1
    seen = []
    t = threading.Thread(target=lambda: seen.append(hasattr(local, "x")))
    t.start(), t.join()
    print(seen)


@section
def sockets():
    a, b = socket.socketpair()
    a.sendall(b"pair")
    print(b.recv(10), a.family == socket.AF_UNIX)
    a.shutdown(socket.SHUT_WR)
    print(b.recv(10))
    server = socket.create_server(("127.0.0.1", 0))
    address = server.getsockname()

    def serve():
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data.upper())

    t = threading.Thread(target=serve)
    t.start()
    with socket.create_connection(address) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0, s.getpeername() == address)
        s.sendall(b"hello" * 20000)
        got = b""
        while len(got) < 100000:
            got += s.recv(65536)
        print(hashlib.md5(got).hexdigest())
    t.join()
    server.close()
    try:
        socket.create_connection(address, timeout=5)
    except ConnectionRefusedError as e:
        print(e)
    u, v = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    u.bind(("127.0.0.1", 0))
    v.sendto(b"datagram", u.getsockname())
    print(u.recvfrom(100)[0])
    u.settimeout(0.05)
    try:
        u.recv(1)
    except TimeoutError as e:
        print(type(e).__name__, e)
    u.setblocking(False)
    try:
        u.recv(1)
    except BlockingIOError as e:
        print(e)
    path = os.path.join(place, "sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        c = socket.socket(socket.AF_UNIX)
        c.connect(path)
        d, _ = s.accept()
        r, w = os.pipe()
        os.write(w, b"through a descriptor")
        socket.send_fds(c, [b"fd"], [r])
        data, fds, _, _ = socket.recv_fds(d, 10, 1)
        print(data, os.read(fds[0], 100), os.path.exists(path))
    os.unlink(path)
    print(socket.gethostbyname("localhost"), socket.inet_aton("10.0.2.15"))


@section
def processes():
    run = lambda *a, **k: subprocess.run(*a, capture_output=True, text=True, timeout=30, **k)
    p = run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])
    print(p.returncode, repr(p.stdout), repr(p.stderr))
    p = run(["/bin/cat"], input="through a pipe\n" * 10000)
    print(p.returncode, len(p.stdout))
    print(run("read x; echo \"<$x>\"", shell=True, input="line\nmore\n").stdout)
    print(run(["/bin/sh", "-c", "kill -TERM $$"]).returncode)
    print(run(["/bin/sh", "-c", "pwd; echo $A"], cwd="/tmp", env={"A": "b c"}).stdout)
    try:
        run(["/nothing"])
    except FileNotFoundError as e:
        print(e)
    try:
        run(["/bin/cat", "/"], check=True)
    except subprocess.CalledProcessError as e:
        print(e.returncode, e.stderr)
    sleeper = subprocess.Popen(["/bin/sh", "-c", "read x"], stdin=subprocess.PIPE)
    print(sleeper.poll())
    try:
        sleeper.wait(0.05)
    except subprocess.TimeoutExpired as e:
        print(e)
    sleeper.kill()
    print(sleeper.wait())
    first = subprocess.Popen(["/bin/sh", "-c", "echo b; echo a"], stdout=subprocess.PIPE)
    second = subprocess.Popen(["/usr/bin/sort"], stdin=first.stdout, stdout=subprocess.PIPE)
    first.stdout.close()
    print(second.communicate()[0], first.wait())
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 7"], {})
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    print(os.system("exit 5") >> 8, os.popen("echo popen").read())


@section
def hashes():
    data = bytes(range(256)) * 1000
    for name in sorted(hashlib.algorithms_guaranteed):
        h = hashlib.new(name, data)
        print(name, h.hexdigest(16) if name.startswith("shake") else h.hexdigest())
    print(hmac.new(b"key", data, "sha256").hexdigest())
    print(hashlib.scrypt(b"p", salt=b"s", n=16, r=8, p=1).hex(), hashlib.pbkdf2_hmac("sha1", b"p", b"s", 100).hex())
    print(zlib.crc32(data), zlib.adler32(data), len(zlib.compress(data, 9)))
    print(gzip.decompress(gzip.compress(data)) == data)


@section
def texts():
    value = {"a": [1, 2.5, None, True, "\u00e9\U0001f600"], "b": {"c": -1e100}}
    text = json.dumps(value, sort_keys=True, indent=1)
    print(text, json.loads(text) == value, pickle.loads(pickle.dumps(value)) == value)
    print(re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world"), decimal.Decimal(1) / 7)
    print(random.Random(42).sample(range(1000), 5), uuid.uuid5(uuid.NAMESPACE_DNS, "x"))
    print(struct.pack("<IhQ", 1, -2, 3).hex(), 2**200, 0.1 + 0.2, "%.20f" % (1 / 3))
    print(datetime.datetime.fromtimestamp(1234567890, datetime.timezone.utc))
    print(collections.Counter("mississippi").most_common(), sys.getfilesystemencoding())


@section
def database():
    path = os.path.join(place, "test.db")
    with sqlite3.connect(path) as db:
        db.execute("create table t (id integer primary key, name text, x real)")
        db.executemany("insert into t (name, x) values (?, ?)", ((f"n{i}", i / 7) for i in range(2000)))
    db.execute("pragma locking_mode=exclusive")
    print(db.execute("pragma journal_mode=wal").fetchall())
    with db:
        db.execute("delete from t where id % 3 = 0")
    print(db.execute("select count(*), sum(x), max(name) from t").fetchall())
    other = sqlite3.connect(path, timeout=0.1)
    db.execute("begin immediate")
    try:
        other.execute("insert into t (name) values ('x')")
    except sqlite3.OperationalError as e:
        print(e)
    db.rollback()
    print(db.execute("pragma integrity_check").fetchall(), sorted(os.listdir(place)))
    other.close(), db.close()
    os.unlink(path)


@section
def asynchronous():
    async def main():
        async def handle(reader, writer):
            while line := await reader.readline():
                writer.write(line[::-1])
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def client(i):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"line {i}\n".encode())
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

        print(await asyncio.gather(*(client(i) for i in range(20))))
        server.close()
        print(await asyncio.to_thread(lambda: "in a thread"))
        try:
            await asyncio.wait_for(asyncio.sleep(10), 0.02)
        except asyncio.TimeoutError:
            print("timeout")
        p = await asyncio.create_subprocess_exec("/bin/cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        print(await p.communicate(b"to a process"), p.returncode)
        loop, got = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, got.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(got.wait(), 5)
        print("signal")
        order = []
        for i in (3, 1, 2):
            loop.call_later(i * 0.02, order.append, i)
        await asyncio.sleep(0.1)
        print(order)

    asyncio.run(main())


@section
def files():
    with tempfile.TemporaryDirectory(dir=place) as d:
        path = os.path.join(d, "file")
        with open(path, "w+") as f:
            f.write("line\n" * 1000)
            f.seek(10)
            print(f.readline(), f.tell(), os.fstat(f.fileno()).st_size)
            f.truncate(100)
        os.symlink("file", os.path.join(d, "link"))
        os.link(path, os.path.join(d, "hard"))
        os.chmod(path, 0o640)
        s = os.stat(path)
        print(oct(s.st_mode), s.st_nlink, s.st_size, os.readlink(os.path.join(d, "link")))
        os.utime(path, (1, 2))
        print(os.stat(path).st_mtime, os.path.getatime(path))
        os.rename(path, os.path.join(d, "new"))
        print(sorted(e.name + "/" * e.is_dir() + "@" * e.is_symlink() for e in os.scandir(d)))
        os.makedirs(os.path.join(d, "a/b/c"))
        shutil.copytree(os.path.join(d, "a"), os.path.join(d, "copy"))
        print(sorted(name for _, dirs, _ in os.walk(d) for name in dirs))
        for action in (lambda: os.rmdir(d), lambda: os.mkdir(d), lambda: open("/nothing/x"),
                       lambda: os.listdir("/etc/passwd"), lambda: open(d), lambda: os.read(99, 1)):
            try:
                action()
            except OSError as e:
                print(e.errno, e.strerror)
        with open(os.path.join(d, "map"), "wb+") as f:
            f.write(b"0123456789" * 1000)
            f.flush()
            with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY) as m:
                print(m[9990:], m.find(b"9012"))
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(f.name) as g:
                try:
                    fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as e:
                    print(e)
        with mmap.mmap(-1, 100000) as m:
            m[99999] = 7
            print(m[99999], m[0])
        many = [os.path.join(d, f"many{i}") for i in range(500)]
        for i, name in enumerate(many):
            with open(name, "w") as f:
                f.write(str(i))
        print(sum(int(open(name).read()) for name in many))
    with tempfile.NamedTemporaryFile(dir=place) as f:
        f.write(b"x")
    print(os.path.exists(f.name), os.listdir(place))
    r, w = os.pipe()
    print(os.get_inheritable(r), os.isatty(r), os.write(w, b"pipe"), os.read(r, 10))
    os.close(w)
    print(os.read(r, 1))
    print(os.cpu_count() >= 1, os.getpid() > 0, os.sysconf("SC_PAGE_SIZE"), os.uname().sysname)
    print(len(os.urandom(16)), os.path.realpath("/proc/self/exe") == os.path.realpath(sys.executable))


@section
def signals():
    got = []
    signal.signal(signal.SIGUSR1, lambda n, f: got.append(n))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    print(got == [signal.SIGUSR1] * 2)
    signal.signal(signal.SIGALRM, lambda n, f: got.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    start = time.monotonic()
    time.sleep(0.1)
    print(got[-1], time.monotonic() - start >= 0.1)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    os.kill(os.getpid(), signal.SIGUSR2)
    print(signal.sigpending() == {signal.SIGUSR2}, signal.sigwait([signal.SIGUSR2]) == signal.SIGUSR2)
    print(signal.sigtimedwait([signal.SIGUSR2], 0.01))
    r, w = os.pipe()
    os.set_blocking(w, False)
    signal.set_wakeup_fd(w)
    os.kill(os.getpid(), signal.SIGUSR1)
    print(os.read(r, 1) == bytes([signal.SIGUSR1]))
    signal.set_wakeup_fd(-1)

    class Stop(Exception):
        pass

    def stop(n, f):
        raise Stop

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        os.read(r, 1)
    except Stop:
        print("interrupted")
    try:
        ctypes.CDLL(None)
        os.close(r)
        os.write(w, b"x")
    except BrokenPipeError as e:
        print(e)


@section
def waiting():
    a, b = socket.socketpair()
    r, w = os.pipe()
    print(select.select([a, r], [b, w], [], 0) == ([], [b, w], []))
    b.send(b"x")
    print(select.select([a, r], [], [], 5) == ([a], [], []))
    poll = select.poll()
    poll.register(a, select.POLLIN | select.POLLOUT)
    poll.register(r, select.POLLIN)
    print(sorted(event for _, event in poll.poll(100)))
    epoll = select.epoll()
    epoll.register(r, select.EPOLLIN | select.EPOLLET)
    print(epoll.poll(0.01))
    threading.Timer(0.02, os.write, (w, b"later")).start()
    print(epoll.poll(5) == [(r, select.EPOLLIN)], epoll.poll(0.01))
    os.close(w)
    print([event for _, event in poll.poll(100) if event & select.POLLHUP] != [])
    with selectors.DefaultSelector() as s:
        s.register(a, selectors.EVENT_READ, "data")
        print([(key.data, mask) for key, mask in s.select(1)], type(s).__name__)


@section
def times():
    t = time.time()
    m = time.monotonic()
    time.sleep(0.03)
    print(0.03 <= time.monotonic() - m < 5, 0.02 <= time.time() - t < 5)
    print(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1e9)), time.gmtime().tm_year >= 2024)
    print(time.process_time() > 0, time.thread_time() > 0, time.get_clock_info("monotonic").monotonic)


@section
def servers():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body[::-1])

        def log_message(self, *a):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        with ThreadPoolExecutor(8) as pool:
            fetch = lambda i: urllib.request.urlopen(url, data=b"%d" % i * 1000).read()[:4]
            print(list(pool.map(fetch, range(1000, 1016))))
        server.shutdown()


print("end", threading.active_count())
