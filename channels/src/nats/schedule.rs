//! When a server is to hand a message out, as it wants to be told.

use crate::Timestamp;

const DAY_MS: u64 = 86_400_000;

/// The value of `Nats-Schedule` for a message that is due once, at `due`. What lies in the past is
/// handed out at once.
pub fn at(due: Timestamp) -> String {
    let (days, ms) = (due.0 / DAY_MS, due.0 % DAY_MS);
    let (year, month, day) = civil(days);
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    let (minutes, second) = (seconds / 60, seconds % 60);
    let (hour, minute) = (minutes / 60, minutes % 60);
    format!("@at {year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The day of the Gregorian calendar that is so many days after 1970-01-01. Years are counted from
/// March, so that the leap day is the last of a year.
fn civil(days: u64) -> (u64, u64, u64) {
    const FROM_YEAR_ZERO: u64 = 719_468;
    const ERA_DAYS: u64 = 146_097;
    let days = days + FROM_YEAR_ZERO;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        for (ms, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_209_845_006, "2024-02-29T12:30:45.006Z"),
            (1_795_299_541_935, "2026-11-21T22:19:01.935Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(at(Timestamp(ms)), format!("@at {expected}"));
        }
    }
}
