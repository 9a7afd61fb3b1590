//! PgBouncer in transaction mode, in front of the shared cluster.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use super::cluster::{Cluster, Supervised, free_port, give_away};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// Returns the port of the PgBouncer that tests share.
pub(super) fn shared() -> Option<u16> {
    static SHARED: LazyLock<Option<(u16, Supervised)>> = LazyLock::new(|| start(Cluster::shared()?));
    SHARED.as_ref().map(|(port, _)| *port)
}

fn start(cluster: &Cluster) -> Option<(u16, Supervised)> {
    if !Path::new(PROGRAM).exists() {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), "\nSKIPPED: {PROGRAM} is missing (Debian: pgbouncer)");
        return None;
    }
    let port = free_port();
    let folder = tempfile::tempdir().unwrap().keep();
    let settings = format!(
        "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
         unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 1000\n\
         server_idle_timeout = 5\n",
        cluster.port
    );
    fs::write(folder.join("pgbouncer.ini"), settings).unwrap();
    give_away(&folder);
    let command = format!("{PROGRAM} -q \"$1/pgbouncer.ini\" >\"$1/log\" 2>&1");
    let program = Supervised::start(&command, &folder, "TERM", "rm -rf \"$1\"");
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some((port, program));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{}", fs::read_to_string(folder.join("log")).unwrap_or_default());
}
