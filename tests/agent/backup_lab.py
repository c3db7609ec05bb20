"""What the backup's tests stand on: real PostgreSQL servers that nobody else uses, and a broker in Python that
speaks the agent's messages and runs the real pg_dump, pg_restore and psql against them."""
import array
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path


def programs():
    """The directory of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"),
                   key=lambda p: int(p.parts[4]))
    return found[-1].parent if found else None


def unprivileged():
    """What keeps PostgreSQL content: it refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """A cluster on a socket in its own directory; no TCP."""

    def __init__(self, parent):
        self.dir = Path(tempfile.mkdtemp(prefix="pg-", dir=parent))
        self.bin = programs()
        self.who = unprivileged()
        if self.who:
            os.chown(self.dir, self.who["user"], self.who["group"])
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin", "PGHOST": str(self.dir), "PGUSER": "postgres",
                    "LC_ALL": "C.UTF-8", "HOME": "/"}
        self.call("initdb", "-D", self.dir / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                  "--no-sync", stdout=subprocess.DEVNULL)
        self.call("pg_ctl", "-D", self.dir / "data", "-w", "-l", self.dir / "log", "-o",
                  f"-k {self.dir} -c listen_addresses= -c fsync=off -c max_connections=30", "start",
                  stdout=subprocess.DEVNULL)

    def call(self, program, *args, check=True, **more):
        return subprocess.run([self.bin / program, *map(str, args)], env=self.env, check=check,
                              cwd="/", **self.who, **more)

    def psql(self, *args, home="", **more):
        """As the broker calls it: in postgres, or where nobody can connect to that, in template1."""
        for database in [home] if home else ["postgres", "template1"]:
            done = self.call("psql", *args, "-d", database, capture_output=True, check=False, **more)
            if done.returncode != 2 or not done.stderr.startswith("psql: "):
                break
        return done

    def sql(self, text, database=""):
        done = self.psql("-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, home=database, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def rows(self, database):
        """Every table's content as one text, to be compared."""
        tables = self.sql("select quote_ident(schemaname)||'.'||quote_ident(tablename) from pg_tables "
                          "where schemaname not in ('pg_catalog','information_schema') order by 1",
                          database).splitlines()
        return {t: self.sql(f"select md5(coalesce(string_agg(md5(x::text), '' order by x::text), '')) "
                            f"from {t} x", database) for t in tables}

    def databases(self, which=""):
        return self.sql(f"select datname from pg_database where not datistemplate {which} order by 1").splitlines()

    def stop(self):
        self.call("pg_ctl", "-D", self.dir / "data", "-m", "immediate", "-w", "stop", check=False,
                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)


class Broker:
    """One thread a connection. Tests change what it does by setting attributes."""

    def __init__(self, path, parent, sql_tool=None):
        self.path = str(path)
        self.parent = parent
        self.sql_tool = sql_tool  # prints the real broker's SQL
        self.containers = {}     # name -> Postgres
        self.throwaways = 0
        self.cut_dump_at = None  # bytes after which pg_dump's output ends
        self.cut_exit = 0        # how the cut dump is said to have ended; 0: as if all were well
        self.slow = None         # seconds to wait in the middle of a dump
        self.calls = []
        self.image = "sha256:" + "ab" * 32
        self.spoil_restores = False
        self.free = None         # bytes that the disk of the volumes is said to have left; None: the truth
        self.volumes = {}        # name -> directory
        self.refuses = lambda q: False  # requests that fail before anything is done
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(self.path)
        self.sock.listen(16)
        self.server_thread = threading.Thread(target=self.serve, daemon=True)
        self.server_thread.start()

    def serve(self):
        while True:
            try:
                one, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(one,), daemon=True).start()

    @staticmethod
    def send(sock, doc, fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            sock.sendmsg([json.dumps(doc).encode()], control)
        except OSError:
            pass  # whoever asked is gone

    def answer(self, sock):
        with sock:
            data, control, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(16))
            fds = []
            for level, kind, value in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    got = array.array("i")
                    got.frombytes(value[:len(value) - len(value) % got.itemsize])
                    fds.extend(got)
            try:
                q = json.loads(data)
                self.calls.append(q)
                getattr(self, "op_" + q["op"].replace("-", "_"))(sock, q, fds)
            except Exception as problem:  # pylint: disable=broad-except
                self.send(sock, {"error": {"code": 1, "transient": False, "message": str(problem)}})
            finally:
                for fd in fds:
                    os.close(fd)

    def server(self, q):
        if q["container"] not in self.containers:
            raise RuntimeError(f"there is no container '{q['container']}'")
        return self.containers[q["container"]]

    def stream(self, sock, command, pg=None):
        out, into = os.pipe()
        who, env = (pg.who, pg.env) if pg else ({}, None)
        tampered = self.cut_dump_at is not None or self.slow is not None
        child = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE if tampered else into,
                                 cwd="/", stderr=subprocess.PIPE, env=env, **who)
        if tampered:
            self.send(sock, {}, [out])
            os.close(out)
            code, said = self.tamper(child, into)
        else:
            os.close(into)
            self.send(sock, {}, [out])
            os.close(out)
            said = child.stderr.read().decode()
            code = child.wait()
            child.stderr.close()
        if code:
            raise RuntimeError(f"it ended with {code}: {said[-500:]}")
        self.send(sock, {})

    def tamper(self, child, into):
        sent = 0
        with open(into, "wb", buffering=0) as pipe:
            while block := child.stdout.read(4096):
                if self.cut_dump_at is not None:
                    block = block[:max(0, self.cut_dump_at - sent)]
                try:
                    pipe.write(block)
                except BrokenPipeError:
                    break
                sent += len(block)
                if self.slow:
                    time.sleep(self.slow)
                if self.cut_dump_at is not None and sent >= self.cut_dump_at:
                    break
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()
        return self.cut_exit, "killed"

    def op_pg_dump(self, sock, q, _):
        pg = self.server(q)
        commands = {
            "custom": ["pg_dump", "-Fc", "-Z0", "-U", q["user"], "-d", q.get("database", "")],
            "plain": ["pg_dump", "-U", q["user"], "-d", q.get("database", "")],
            "globals": ["pg_dumpall", "--globals-only", "-U", q["user"]],
            "all": ["pg_dumpall", "-U", q["user"]],
        }
        command = commands[q["kind"]]
        self.stream(sock, [pg.bin / command[0], *command[1:]], pg)

    @staticmethod
    def spare(pg):
        return pg.psql("-XAtqc", "select current_database()", text=True).stdout.strip()

    def op_pg_restore(self, sock, q, fds):
        pg = self.server(q)
        database = q.get("database", self.spare(pg))
        commands = {
            "list": ["pg_restore", "--list"],
            "custom": ["pg_restore", "--exit-on-error", "--no-password", "-U", q["user"], "-d", database],
            "plain": ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-U", q["user"], "-d", database],
            "globals": ["psql", "-Xq", "-U", q["user"], "-d", self.spare(pg)],
        }
        options = "-c default_transaction_read_only=off -c intervalstyle=postgres"
        done = subprocess.run([pg.bin / commands[q["kind"]][0], *commands[q["kind"]][1:]], cwd="/", check=False,
                              env=dict(pg.env, PGOPTIONS=options), stdin=fds[0], capture_output=True, **pg.who)
        said = done.stderr.decode()
        if q["kind"] == "globals":
            bad = [line for line in said.splitlines() if "ERROR:" in line and "already exists" not in line]
            if bad:
                raise RuntimeError("\n".join(bad))
        elif done.returncode:
            raise RuntimeError(said[-1000:])
        if self.spoil_restores and q["kind"] == "custom":
            for table in pg.rows(database):
                pg.sql(f"delete from {table} where ctid = (select min(ctid) from {table})", database)
        self.send(sock, {})

    def op_pg_query(self, sock, q, _):
        pg = self.server(q)

        word, name = q["query"], q.get("database")
        if word in ("databases", "all-databases"):
            self.send(sock, {"rows": pg.databases("" if word[0] == "a" else "and datallowconn")})
            return
        if word == "sizes":
            self.send(sock, {"rows": [{"database": d, "bytes": int(pg.sql(f"select pg_database_size('{d}')"))}
                                      for d in pg.databases("and datallowconn")]})
            return
        if self.refuses(q):
            raise RuntimeError("somebody is connected")
        if word not in ("create-db", "create-like", "drop-db", "open-db", "rename-db"):
            raise RuntimeError(f"no query '{word}'")
        home, sql = subprocess.run([self.sql_tool, word, name, *([q["to"]] if "to" in q else [])], check=True,
                                   capture_output=True, text=True).stdout.split("\n", 1)
        done = pg.psql("-Xqt", home=home, input=sql, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        self.send(sock, {})

    def op_ps(self, sock, _q, _):
        self.send(sock, {"containers": [{"name": n, "image": self.image} for n in self.containers]})

    def op_disk(self, sock, _q, _):
        disk = os.statvfs(self.parent)
        free = disk.f_bavail * disk.f_frsize if self.free is None else self.free
        room = {"free": free, "size": disk.f_blocks * disk.f_frsize, "inodes_free": disk.f_favail,
                "device": os.stat(self.parent).st_dev, "path": str(self.parent)}
        self.send(sock, {**room, "free": 0, "device": 1 << 40, "volumes": room})

    def op_volume_tar(self, sock, q, _):
        where = q.get("path") or self.volumes[q["volume"]]
        if not os.path.exists(where):
            self.send(sock, {"absent": True})
            return
        self.stream(sock, ["tar", "-C", where, "-c", "."])

    def place(self, q):
        """Where files are, and where they are unpacked."""
        where = Path(q.get("path") or self.volumes[q["volume"]])
        return where, where.parent / f".fresh-{where.name}"

    def op_files_look(self, sock, q, _):
        if self.refuses(q):
            raise RuntimeError("it cannot be put back")
        where, fresh = self.place(q)
        self.send(sock, {"there": where.exists(), "waits": fresh.exists()})

    def op_files_fill(self, sock, q, fds):
        _, fresh = self.place(q)
        fresh.mkdir(parents=True)
        subprocess.run(["tar", "-C", fresh, "-x"], stdin=fds[0], check=True)
        self.send(sock, {})

    def op_files_swap(self, sock, q, _):
        if self.refuses(q):
            raise RuntimeError("it cannot be swapped")
        where, fresh = self.place(q)
        if fresh.exists():
            if where.exists():
                where.rename(f"{where}.before-{q['id']}")
            fresh.rename(where)
        self.send(sock, {})

    def op_files_drop(self, sock, q, _):
        if self.refuses(q):
            raise RuntimeError("it cannot be dropped")
        shutil.rmtree(self.place(q)[1], ignore_errors=True)
        self.send(sock, {})

    def op_pg_throwaway(self, sock, q, _):
        if q["image"] != self.image:
            raise RuntimeError("no such image")
        self.throwaways += 1
        name = f"throwaway-{self.throwaways}"
        self.containers[name] = Postgres(self.parent)
        self.send(sock, {"container": name, "user": "postgres"})

    def op_remove(self, sock, q, _):
        self.containers.pop(q["container"]).stop()
        self.send(sock, {})

    def stop(self):
        # Closed under a blocked accept(), its number could become the next broker's, and be accepted from here.
        self.sock.shutdown(socket.SHUT_RDWR)
        self.server_thread.join()
        self.sock.close()
        for pg in self.containers.values():
            pg.stop()


class Agent:
    """The real kbuild-agent with files of its own."""

    def __init__(self, program, scratch, broker, name="agent"):
        self.program = str(Path(program).resolve())
        self.dir = Path(scratch) / name
        self.state = self.dir / "state"
        self.state.mkdir(parents=True, mode=0o700)
        self.broker = broker
        self.config = self.dir / "agent.yaml"
        self.credentials = self.dir / "credentials"
        self.credentials.mkdir(mode=0o700)
        self.backup = {"postgres": {"container": "db"}}
        self.secrets = {}
        self.env = dict(os.environ, LC_ALL="C.UTF-8", CREDENTIALS_DIRECTORY=str(self.credentials))

    def arguments(self, *args):
        self.config.write_text(json.dumps({"name": "demo", "backup": self.backup, "secrets": self.secrets}))
        return [self.program, "--config", str(self.config), "--state", str(self.state), "--broker",
                self.broker.path, *map(str, args)]

    def start(self, *args, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.arguments(*args), env=self.env, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **more)

    def run(self, *args, timeout=300, text=None, **more):
        more.setdefault("stdin", subprocess.DEVNULL if text is None else subprocess.PIPE)
        child = self.start(*args, **more)
        out, err = child.communicate(text, timeout=timeout)
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    def list(self):
        done = self.run("backup", "list", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def path(self, backup, index=0):
        return self.state / "backup" / backup["id"] / backup["files"][index]["name"]
