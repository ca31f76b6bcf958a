//! Keeping what a command prints from filling the disk.
//!
//! The command writes into the file itself: nothing of it goes through the memory of the run, and a
//! process that it has left behind can go on writing. So the file is cut from outside when it has
//! grown too long, which works because it is open for appending: the next write goes to its
//! end, wherever that is.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

/// How much makes it too long, and how much of the beginning and of the end stays then.
#[derive(Debug, Clone, Copy)]
struct Limits {
    most: u64,
    keep: u64,
}

const LIMITS: Limits = Limits { most: 16 << 20, keep: 4 << 20 };

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Keeps a file that is being written below its limit.
#[derive(Debug)]
pub(super) struct LogCap {
    /// Open for reading and appending.
    file: File,
    looked: Instant,
}

impl LogCap {
    /// Caps this file, which must be open for reading and appending.
    ///
    /// # Errors
    /// When the system has no more open files.
    pub(super) fn of(file: &File) -> std::io::Result<Self> {
        Ok(LogCap { file: file.try_clone()?, looked: Instant::now() })
    }

    /// Cuts the file now and then. Where that fails it only grows: the command goes on.
    pub(super) fn look(&mut self) {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = Instant::now();
            let _ = cut(&mut self.file, LIMITS);
        }
    }
}

impl Drop for LogCap {
    fn drop(&mut self) {
        let _ = cut(&mut self.file, LIMITS);
    }
}

/// Cuts the middle out of a file that has become too long. What is written at this moment may be
/// missing as well.
fn cut(file: &mut File, limits: Limits) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    if length <= limits.most {
        return Ok(());
    }
    let mut end = vec![0; usize::try_from(limits.keep).unwrap_or_default()];
    // Not by seeking: the writer shares the place in the file, and would move it.
    file.read_exact_at(&mut end, length - limits.keep)?;
    file.set_len(limits.keep)?;
    let left_out = length - 2 * limits.keep;
    file.write_all(format!("\n[git coord: {left_out} bytes left out here]\n").as_bytes())?;
    file.write_all(&end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_what_is_too_long_is_cut_out() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let mut file = File::options().read(true).append(true).open(named.path()).unwrap();
        let limits = Limits { most: 20, keep: 3 };
        let text = || std::fs::read_to_string(named.path()).unwrap();
        file.write_all(b"12345678901234567890").unwrap();
        cut(&mut file, limits).unwrap();
        assert_eq!(text(), "12345678901234567890", "not too long");
        file.write_all(b"abc").unwrap();
        cut(&mut file, limits).unwrap();
        assert_eq!(text(), "123\n[git coord: 17 bytes left out here]\nabc");
        file.write_all(b"more").unwrap();
        assert!(text().ends_with("abcmore"), "it goes on at the end");
    }
}
