//! What helps when a file cannot be used.

use std::io::{Error, ErrorKind};

/// One next step for what the system says.
pub fn io_hint(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room on the disk, then repeat the command"
        }
        ErrorKind::PermissionDenied => {
            "check who may write there; in a sandbox, allow writing to the repository's git folder"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "it is mounted read-only; in a sandbox, allow writing to the repository's git folder"
        }
        ErrorKind::NotFound => "check that the folder is there, or run: git coord doctor",
        ErrorKind::BrokenPipe => "the reader of the output has gone",
        _ if is_out_of_files(error) => {
            "too many files are open: close programs, or raise the limit (ulimit -n)"
        }
        _ => "try again; if it persists, run: git coord doctor",
    }
}

/// EMFILE and ENFILE have the same numbers on Linux and macOS.
fn is_out_of_files(error: &Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}
