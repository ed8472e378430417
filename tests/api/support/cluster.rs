//! A private PostgreSQL cluster for the tests, and a fresh database of it for each test.
//!
//! The first test that asks starts the cluster (`initdb` into a temporary folder, a Unix socket in that folder, no
//! network port); every later test of the process shares it. Nobody has to prepare a server and no test sees another's
//! rows. Where PostgreSQL is missing the tests fail and say how to install it: a back end that was not tried must never
//! look tried.
//!
//! Deliberately absent: durability. `fsync` is off because these databases die with the process; what survives a power
//! cut is proven against real files elsewhere. Passwords and TLS are absent too: only the owner of the folder can reach
//! the socket.
#![expect(clippy::panic, reason = "a test without its database has nothing left to do but fail with the cause")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Superuser of the private cluster; also the system account that runs it when the tests run as root.
const OWNER: &str = "postgres";

/// The migrated database that [`fresh_database_from`] copies.
const TEMPLATE: &str = "template_exchange";

const HOW_TO_INSTALL: &str = "PostgreSQL 14 or newer is needed by the tests: run `bash .ci/install-tools.sh`, or \
     `apt-get install postgresql` (the programs initdb, pg_ctl, postgres and psql must be on PATH or under \
     /usr/lib/postgresql/*/bin)";

/// Runs the cluster from before its folder exists until it is gone, in one line of execution, so that there is no moment
/// in which a killed test process leaves something behind. Arguments: folder with the programs, folder to work in.
/// Standard input is held open by the test process and closed by the kernel however that process ends.
const KEEPER: &str = r#"
trap '' HUP INT PIPE TERM
programs=$1
home=$(mktemp -d "$2/exchange-pg-XXXXXX") && cd "$home" || exit 1
vanish() {
    "$programs/pg_ctl" stop -D "$home/data" -m immediate
    cd /
    rm -rf "$home"
}
start() {
    "$programs/initdb" -D "$home/data" -U postgres --auth=trust --encoding=UTF8 --locale=C \
        --data-checksums --no-sync || return 1
    cat >>"$home/data/postgresql.conf" <<END || return 1
listen_addresses = ''
unix_socket_directories = '$home'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 64MB
min_wal_size = 32MB
max_wal_size = 128MB
fsync = off
full_page_writes = off
END
    "$programs/pg_ctl" start -D "$home/data" -l "$home/log" -w -t 60
}
if start >>"$home/log" 2>&1 </dev/null; then
    echo "ready $home"
    read -r _
else
    cat "$home/log"
fi
vanish >>"$home/log" 2>&1 </dev/null
"#;

/// A database that belongs to one test and is dropped with this value.
#[derive(Debug)]
pub struct Database {
    /// What the program under test takes as its database: `postgres:///NAME?host=FOLDER&user=postgres`.
    pub url: String,
    name: String,
}

impl Drop for Database {
    /// Best effort: what stays behind goes with the cluster.
    fn drop(&mut self) {
        let _ = cluster().psql(&format!("drop database if exists {} with (force)", self.name));
    }
}

/// An empty database.
///
/// # Panics
/// When PostgreSQL is missing or does not start; the message says what to do.
pub fn fresh_database() -> Database {
    let cluster = cluster();
    let database = cluster.name_database();
    cluster.must(&format!("create database {} template template0", database.name));
    database
}

/// A database with the schema already in it: `template_setup` gets the URL of an empty database and runs the migrations
/// there, once per process; every call then copies the result, which is much faster than migrating again.
///
/// # Panics
/// As [`fresh_database`]; a panic of `template_setup` passes through and the next caller tries again from empty.
pub fn fresh_database_from(template_setup: impl FnOnce(&str)) -> Database {
    let cluster = cluster();
    // PostgreSQL refuses to copy a template that somebody is connected to, so one copy at a time.
    let mut template_is_ready = cluster.template_is_ready.lock().unwrap_or_else(PoisonError::into_inner);
    if !*template_is_ready {
        cluster.must(&format!("drop database if exists {TEMPLATE} with (force)"));
        cluster.must(&format!("create database {TEMPLATE} template template0"));
        template_setup(&cluster.url(TEMPLATE));
        *template_is_ready = true;
    }
    let database = cluster.name_database();
    cluster.must(&format!("create database {} template {TEMPLATE}", database.name));
    database
}

/// The one cluster of this test process.
struct Cluster {
    programs: PathBuf,
    home: PathBuf,
    databases: AtomicU32,
    template_is_ready: Mutex<bool>,
    /// Holds the pipe whose end tells the keeper to clear up. Never dropped: it lives in a static.
    _keeper: Child,
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
    match CLUSTER.get_or_init(Cluster::start) {
        Ok(cluster) => cluster,
        Err(cause) => panic!("{cause}"),
    }
}

impl Cluster {
    fn start() -> Result<Self, String> {
        let programs = find_programs().ok_or(HOW_TO_INSTALL)?;
        let mut keeper = Command::new("/bin/sh");
        keeper.arg("-c").arg(KEEPER).arg("cluster-keeper").arg(&programs).arg(quick_folder());
        keeper.env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGOPTIONS");
        // Its own process group: an interrupt at the terminal ends the tests, not the clearing up after them.
        keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        if let Some((user, group)) = unprivileged_account()? {
            keeper.uid(user).gid(group);
        }
        let mut keeper = keeper.spawn().map_err(|cause| format!("/bin/sh: {cause}"))?;
        let home = wait_until_ready(&mut keeper)?;
        Ok(Self { programs, home, databases: AtomicU32::new(0), template_is_ready: Mutex::new(false), _keeper: keeper })
    }

    fn url(&self, name: &str) -> String {
        format!("postgres:///{name}?host={}&user={OWNER}", self.home.display())
    }

    fn name_database(&self) -> Database {
        let name = format!("exchange_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        Database { url: self.url(&name), name }
    }

    fn psql(&self, statement: &str) -> std::io::Result<Output> {
        Command::new(self.programs.join("psql"))
            .args([
                "--no-psqlrc",
                "--quiet",
                "--set=ON_ERROR_STOP=1",
                "--dbname",
                &self.url("postgres"),
                "--command",
                statement,
            ])
            .stdin(Stdio::null())
            .output()
    }

    fn must(&self, statement: &str) {
        match self.psql(statement) {
            Ok(output) if output.status.success() => {}
            Ok(output) => panic!("{statement}: {}", String::from_utf8_lossy(&output.stderr).trim()),
            Err(cause) => panic!("psql: {cause}; {HOW_TO_INSTALL}"),
        }
    }
}

/// The folder of the running cluster, which is also where its socket is.
fn wait_until_ready(keeper: &mut Child) -> Result<PathBuf, String> {
    let output = keeper.stdout.take().ok_or("the keeper of the cluster has no output")?;
    let mut output = BufReader::new(output);
    let mut told = String::new();
    let _ = output.read_line(&mut told);
    if let Some(home) = told.strip_prefix("ready ") {
        return Ok(PathBuf::from(home.trim_end()));
    }
    let _ = output.read_to_string(&mut told);
    Err(format!("PostgreSQL did not start for the tests:\n{told}"))
}

/// The folder with the server's programs: the newest that Debian installed, else what PATH offers.
fn find_programs() -> Option<PathBuf> {
    let complete =
        |folder: &PathBuf| ["initdb", "pg_ctl", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    let version = |folder: &Path| -> Option<u32> { folder.file_name()?.to_str()?.parse().ok() };
    let debian = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin"))))
        .filter(|(_, folder)| complete(folder))
        .max();
    if let Some((_, folder)) = debian {
        return Some(folder);
    }
    env::split_paths(&env::var_os("PATH")?).find(complete)
}

/// Memory, where it is plentiful: copying a database is several times faster there than on a disk.
fn quick_folder() -> PathBuf {
    const MEMORY: &str = "/dev/shm";
    const ENOUGH_KIB: u64 = 2 * 1024 * 1024;
    let free = Command::new("df")
        .args(["-Pk", MEMORY])
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .and_then(|table| table.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok());
    if free.is_some_and(|kib| kib >= ENOUGH_KIB) { PathBuf::from(MEMORY) } else { env::temp_dir() }
}

/// PostgreSQL refuses to run as root. Root therefore runs it as `postgres`, or `nobody` where that account is missing;
/// anybody else runs it as themselves (`None`).
fn unprivileged_account() -> Result<Option<(u32, u32)>, String> {
    if number_from_id(&["-u"]) != Some(0) {
        return Ok(None);
    }
    [OWNER, "nobody"]
        .into_iter()
        .find_map(|account| Some((number_from_id(&["-u", account])?, number_from_id(&["-g", account])?)))
        .map(Some)
        .ok_or_else(|| "root may not run PostgreSQL and there is neither an account `postgres` nor `nobody`".to_owned())
}

fn number_from_id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
