//! The process's limit on open files, which connections count against.

/// The number of open files reserved for the store, for connections to upstreams and for the rest
/// of the process: at least this many, and at least a quarter.
const OTHERS: u64 = 64;

/// Raises the soft limit on open files to the hard one and returns it; `None` on a system without
/// such a limit.
pub(super) fn raise() -> Option<u64> {
    #[cfg(unix)]
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => return Some(limit),
        Err(error) => tracing::warn!(%error, "cannot raise the limit on open files"),
    }
    #[cfg(unix)]
    return rlimit::Resource::NOFILE.get_soft().ok();
    #[cfg(not(unix))]
    None
}

/// Returns how many connections fit within the limit on open files, at most `wanted`. Logs it if
/// they are fewer.
pub(super) fn connections(wanted: u32, files: Option<u64>) -> u32 {
    let Some(files) = files else { return wanted };
    let room = files.saturating_sub(OTHERS.max(files / 4)).max(1);
    match u32::try_from(room) {
        Ok(room) if room < wanted => {
            tracing::warn!(
                open_files = files,
                connections = room,
                wanted,
                "the limit on open files allows fewer connections than `connections.total`; raise it (`ulimit -n`, `LimitNOFILE`)"
            );
            room
        }
        _ => wanted,
    }
}

/// Returns the number of files and connections that the process has open, if the system tells.
pub(super) fn count() -> Option<u64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(open).ok()
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn a_quarter_of_the_open_files_is_kept_for_others() {
        assert_eq!(connections(4096, Some(1024)), 768);
        assert_eq!(connections(4096, Some(100)), 36);
        assert_eq!(connections(4096, Some(10)), 1);
        assert_eq!(connections(500, Some(1024)), 500);
        assert_eq!(connections(4096, Some(524_288)), 4096);
        assert_eq!(connections(4096, Some(u64::MAX)), 4096);
        assert_eq!(connections(4096, None), 4096);
    }
}
