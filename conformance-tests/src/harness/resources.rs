//! What a process holds, from `/proc`: memory and open descriptors.

use std::fs;
use std::io;

/// What a process holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Memory in RAM, in bytes.
    pub resident_bytes: u64,
    /// Open files, sockets among them.
    pub descriptors: usize,
}

impl Resources {
    /// What the process holds now.
    ///
    /// # Errors
    ///
    /// When it has gone, or there is no `/proc`.
    pub fn of(process: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let resident_kib = resident_kib(&status)
            .ok_or_else(|| io::Error::other(format!("/proc/{process}/status has no VmRSS")))?;
        Ok(Resources {
            resident_bytes: resident_kib << 10,
            descriptors: fs::read_dir(format!("/proc/{process}/fd"))?.count(),
        })
    }

    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Resources {
            resident_bytes: self.resident_bytes.max(other.resident_bytes),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }
}

/// How many files this process may open, and each that it starts.
///
/// # Errors
///
/// When there is no `/proc`.
pub fn open_files_max() -> io::Result<u64> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    soft_open_files(&limits)
        .ok_or_else(|| io::Error::other("/proc/self/limits has no limit of open files"))
}

fn resident_kib(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    rest.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The first figure is the one that is in force.
fn soft_open_files(limits: &str) -> Option<u64> {
    let rest = limits
        .lines()
        .find_map(|it| it.strip_prefix("Max open files"))?;
    match rest.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        figure => figure.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_lines_are_taken() {
        let status = "Name:\tx\nVmHWM:\t 900 kB\nVmRSS:\t  820 kB\nThreads:\t1\n";
        assert_eq!(resident_kib(status), Some(820));
        assert_eq!(resident_kib("Name:\tx\n"), None);
        let limits = "Limit            Soft Limit  Hard Limit  Units\n\
                      Max processes    7           8           processes\n\
                      Max open files   1024        20000       files\n";
        assert_eq!(soft_open_files(limits), Some(1_024));
        let limits = "Max open files   unlimited   unlimited   files\n";
        assert_eq!(soft_open_files(limits), Some(u64::MAX));
    }

    #[test]
    fn an_open_file_is_counted() {
        let before = Resources::of(std::process::id()).expect("we run");
        assert!(before.resident_bytes > 0, "{before:?}");
        // Other tests of this process open and close files of their own, but not so many.
        let files: Vec<_> = (0..200)
            .map(|_| fs::File::open("/proc/self/status").expect("we run"))
            .collect();
        let with = Resources::of(std::process::id()).expect("we run");
        drop(files);
        assert!(with.descriptors >= before.descriptors + 100, "{with:?}");
    }
}
