//! The CPU time of processes, from `/proc/PID/stat`.

use std::fs;
use std::io;
use std::time::Duration;

/// What the kernel counts CPU time in, for every program on Linux: a hundredth of a second.
const TICK: Duration = Duration::from_millis(10);

/// User and system time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// In the program.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
}

impl CpuTime {
    /// Both.
    pub fn total(self) -> Duration {
        self.user + self.system
    }
}

/// Reads the CPU time of a fixed set of processes.
#[derive(Clone, Debug)]
pub struct CpuClock {
    processes: Vec<u32>,
}

impl CpuClock {
    /// A clock over all of these, summed.
    pub fn new(processes: Vec<u32>) -> Self {
        CpuClock { processes }
    }

    /// The sum so far.
    ///
    /// # Errors
    ///
    /// When one of the processes has gone, or there is no `/proc`.
    pub fn read(&self) -> io::Result<CpuTime> {
        let mut sum = CpuTime::default();
        for process in &self.processes {
            let time = parse(&fs::read_to_string(format!("/proc/{process}/stat"))?)
                .ok_or_else(|| io::Error::other(format!("/proc/{process}/stat is unreadable")))?;
            sum.user += time.user;
            sum.system += time.system;
        }
        Ok(sum)
    }
}

/// The 14th and 15th field; the second is a name in parentheses and may hold anything.
fn parse(stat: &str) -> Option<CpuTime> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(CpuTime {
        user: TICK * ticks()?,
        system: TICK * ticks()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_fields_are_taken_whatever_the_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 93 0 0 0 120 30 0 0 20 0 1 0";
        let time = parse(stat).unwrap();
        assert_eq!(time.user, Duration::from_millis(1_200));
        assert_eq!(time.system, Duration::from_millis(300));
        assert_eq!(time.total(), Duration::from_millis(1_500));
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn our_own_time_can_be_read() {
        assert!(CpuClock::new(vec![std::process::id()]).read().is_ok());
    }
}
