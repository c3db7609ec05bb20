#!/usr/bin/env python3
"""A backup, a loss and a restore through the real broker and a real Docker: PostgreSQL in a container, the weekly
test restore in another. Needs root.

usage: test_backup_docker.py BUILD
"""
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from backup_lab import Agent  # noqa: E402
from docker_lab import DockerLab  # noqa: E402
from kbtest import Tap, wait_for  # noqa: E402
from test_broker import Broker  # noqa: E402

tap = Tap()


class Database:
    def __init__(self, lab):
        self.lab = lab
        lab.postgres_image("postgres:lab")
        lab.docker("run", "-d", "--name", "db", "--label", "com.docker.compose.project=demo", "--label",
                   "com.docker.compose.service=db", "-e", "POSTGRES_USER=app", "-e", "POSTGRES_PASSWORD=x", "-e",
                   "POSTGRES_DB=app", "-v", "uploads:/uploads", "postgres:lab")
        self.wait()

    def wait(self):
        """Until it answers; putting its volume back has it started anew."""
        wait_for(lambda: self.lab.docker("exec", "db", "pg_isready", "-h", "127.0.0.1", check=False).returncode == 0, 90)

    def sql(self, text, database="app"):
        done = self.lab.docker("exec", "-e", "PGOPTIONS=-c default_transaction_read_only=off", "db", "psql", "-XAtq",
                               "-v", "ON_ERROR_STOP=1", "-U", "app", "-d", database, "-c", text, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def looks(self):
        return self.sql("select pg_get_userbyid(datdba), datacl, setconfig from pg_database d join pg_db_role_setting s "
                        "on s.setdatabase = d.oid and setrole = 0 where datname = 'app'")

    def upload(self, name, text, more="true"):
        self.lab.docker("exec", "db", "sh", "-c", f"echo '{text}' >/uploads/{name}; {more}")

    def uploads(self):
        return self.lab.docker("exec", "db", "sh", "-c", "cd /uploads; for f in *; do echo $(cat $f) "
                               "$(stat -c '%a %u' $f); done").stdout.strip()

    def content(self, database="app"):
        return [self.sql(f"select md5(string_agg(x::text, '' order by x::text)) from {t} x", database)
                for t in ("orders", "files")]


def database_postgres(agent, key, db):
    """The application's tables lie in the database that everybody is connected to by default."""
    db.sql("create table orders as select g id from generate_series(1, 300) g; create table files as select 1 a", "postgres")
    before = db.content("postgres")
    for form in ("custom", "plain"):
        agent.backup["postgres"]["format"] = form
        agent.run("backup", "now")
        db.sql("delete from orders", "postgres")
        done = agent.run("restore", "--database", "postgres", "--identity", key)
        tap.check(done.returncode == 0, f"{form}: the database postgres is restored", done.stderr)
        tap.equal(db.content("postgres"), before, f"{form}: with its rows")
        old = db.sql("select datname from pg_database where datname like 'postgres_before_%'")
        tap.equal(db.sql("select count(*) from pg_database where not datallowconn and datname <> 'template0'"), "0",
                  f"{form}: and each database is open")
        db.sql(f'drop database "{old}"')
    db.sql("drop table orders, files", "postgres")


def mounts(agent, broker):
    """What no restore can put in place is known before it begins."""
    where = {"/srv/mounted": "a file system is mounted at", "/data/files": "cannot write", "/data/new/files": "cannot write",
             "/srv/gone": "is not in kbuild.backup"}
    paths = [broker.root / p[1:] for p in where]
    for path in paths:
        path.mkdir(parents=True)
        (path / "file").write_text("saved")
    subprocess.run(["mount", "--bind", paths[0], paths[0]], check=True)
    subprocess.run(["mount", "--bind", broker.root / "data", broker.root / "data"], check=True)
    try:
        for path, why in where.items():
            agent.backup = {"paths": [path]}
            shutil.rmtree(agent.state / "backup")
            broker.config(f"name: demo\nbackup:\n  paths: [{path}]\n")
            agent.run("backup", "now")
            if path == "/srv/gone":
                broker.config("name: demo\nbackup:\n  paths: [/srv/other]\n")
            elif path == "/data/new/files":
                shutil.rmtree(paths[2].parent)
            if path.startswith("/data"):
                subprocess.run(["mount", "-o", "remount,bind,ro", broker.root / "data"], check=True)
            for words in (["--dry-run"], []):
                done = agent.run("restore", *words, "--without-safety-dump")
                tap.check(done.returncode == 1 and f"the path {path} of backup" in done.stderr and why in done.stderr,
                          f"{path}: restore {words} says that it {why}", done.stderr)
            if path.startswith("/data"):
                tap.equal(broker.get("files-drop", path=path, id="20260104T020000Z"), {}, f"{path}: nothing is to be removed")
                subprocess.run(["mount", "-o", "remount,bind,rw", broker.root / "data"], check=True)
            paths[2].mkdir(parents=True, exist_ok=True)
            tap.check(agent.run("backup", "now").returncode == (0 if path != "/srv/gone" else 1),
                      f"{path}: no later backup is kept from being made")
    finally:
        subprocess.run(["umount", paths[0], broker.root / "data"], check=True)


def check(lab, build, scratch):
    broker = Broker(lab, build / "firstboot/kbuild-agent")
    agent = Agent(build / "firstboot/kbuild-agent", scratch, broker)
    key = scratch / "key.txt"
    subprocess.run(["age-keygen", "-o", str(key)], check=True, stderr=subprocess.DEVNULL)
    key.chmod(0o600)
    recipient = subprocess.run(["age-keygen", "-y", str(key)], check=True, capture_output=True,
                               text=True).stdout.strip()
    db = Database(lab)
    db.upload("picture", "a picture", "chown 1234 /uploads/picture; chmod 640 /uploads/picture")
    db.sql("create table orders as select g id, md5(g::text) note from generate_series(1, 20000) g; "
           "create table files as select g id, decode(repeat('00ff', 500), 'hex') from generate_series(1, 50) g")
    # Memberships name who granted them, since version 16: the superuser that this server was made with.
    db.sql("create role admins; create role bob in role admins")
    agent.backup = {"postgres": {"container": "db", "user": "app"}, "recipients": [recipient], "volumes": ["uploads"]}
    broker.config("name: demo\nbackup:\n  volumes: [uploads]\n  postgres: {container: db, user: app}\n")
    broker.start()
    try:
        for form in ("custom", "plain"):
            agent.backup["postgres"]["format"] = form
            shutil.rmtree(agent.state / "backup", ignore_errors=True)
            done = agent.run("backup", "--json")
            if not tap.check(done.returncode == 0, f"{form}: a backup is taken and restored for a test", done.stderr):
                continue
            backup = agent.list()[0]
            tap.check("restore" in backup["verified"] and backup["server"].startswith("17"),
                      f"{form}: by a server of the same image", backup)
            tap.check(any(f["kind"] == "volume" for f in backup["files"]), f"{form}: with its volume", backup)
            left = lab.docker("ps", "-aq", "--filter", "name=kbuild-").stdout.split()
            tap.equal(left, [], f"{form}: which is gone")
            before = db.content()
            # The application has a role of its own, which is no superuser.
            for statement in ("create role shop login", "alter database app owner to shop",
                              "revoke connect on database app from public",
                              "alter database app set default_transaction_read_only = on"):
                db.sql(statement.replace("create role shop login", "select 1") if form == "plain" else statement, "postgres")
            looks = db.looks()
            db.sql("delete from orders; drop table files")
            db.upload("picture", "another one")
            db.upload("later", "by somebody")
            done = agent.run("restore", "--identity", key)
            tap.check(done.returncode == 0, f"{form}: what was lost is restored", done.stderr)
            db.wait()
            tap.equal(db.content(), before, f"{form}: rows are equal")
            tap.equal(db.looks(), looks, f"{form}: owner, grants and settings are those of before")
            db.sql("set role shop; create table public.by_shop(a int); drop table public.by_shop")
            tap.equal(db.uploads(), "a picture 640 1234", f"{form}: the volume's files are as they were, for what runs")
            kept = list((lab.scratch / "docker/volumes/uploads").glob("_data.before-*"))
            tap.equal([sorted(p.name for p in k.iterdir()) for k in kept], [["later", "picture"]],
                      f"{form}: those of before are kept beside")
            for one in kept:
                shutil.rmtree(one)
            tap.equal(db.sql("select count(*) from pg_database where datname like 'app_before_%'"), "1",
                      f"{form}: the one before is kept")
            old = db.sql("select datname from pg_database where datname like 'app_before_%'")
            db.sql(f'drop database "{old}"', "postgres")
        database_postgres(agent, key, db)
        mounts(agent, broker)
    finally:
        broker.stop()
        log = broker.dir / "log"
        if tap.failed and log.exists():
            tap.note("broker: " + log.read_text()[-2000:].replace("\n", "\n# "))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with DockerLab() as lab:
        scratch = lab.scratch / "backup"
        scratch.mkdir()
        try:
            check(lab, Path(sys.argv[1]).resolve(), scratch)
        except Exception as problem:  # pylint: disable=broad-except
            tap.check(False, "the test ran to its end", repr(problem))
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
