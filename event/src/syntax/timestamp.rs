//! RFC 3339 timestamps. Only checked: an event keeps the text that it came with.

/// Whether `text` is an RFC 3339 `date-time`: days fit their month, and second 60 stands only
/// where a leap second can be, at 23:59 UTC.
pub(crate) fn is_timestamp(text: &str) -> bool {
    parse(text.as_bytes()).is_some()
}

fn parse(bytes: &[u8]) -> Option<()> {
    let (date, rest) = bytes.split_at_checked(10)?;
    check_date(date)?;
    let rest = rest
        .strip_prefix(b"T")
        .or_else(|| rest.strip_prefix(b"t"))?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let (minute_of_day, second) = clock_time(clock)?;
    let offset_minutes = utc_offset(without_fraction(rest)?)?;
    let minute_in_utc = (minute_of_day - offset_minutes).rem_euclid(24 * 60);
    (second < 60 || minute_in_utc == 24 * 60 - 1).then_some(())
}

fn check_date(date: &[u8]) -> Option<()> {
    let year = number(&date[..4])?;
    let month = number(&date[5..7])?;
    let day = number(&date[8..])?;
    let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap_year => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (date[4] == b'-' && date[7] == b'-' && (1..=days).contains(&day)).then_some(())
}

/// Minutes since midnight, and the second.
fn clock_time(clock: &[u8]) -> Option<(i32, i32)> {
    let hour = number(&clock[..2])?;
    let minute = number(&clock[3..5])?;
    let second = number(&clock[6..])?;
    let is_time = clock[2] == b':' && clock[5] == b':' && hour < 24 && minute < 60 && second <= 60;
    is_time.then_some((hour * 60 + minute, second))
}

fn without_fraction(rest: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some(rest);
    };
    let digits = fraction
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits > 0).then(|| &fraction[digits..])
}

fn utc_offset(offset: &[u8]) -> Option<i32> {
    match offset {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = number(&[*h1, *h2])?;
            let minutes = number(&[*m1, *m2])?;
            let total = hours * 60 + minutes;
            let signed = if *sign == b'-' { -total } else { total };
            (hours < 24 && minutes < 60).then_some(signed)
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |number, digit| {
        digit
            .is_ascii_digit()
            .then(|| number * 10 + i32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_accepted() {
        for text in [
            "2024-02-29T12:34:56Z",
            "2000-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999999Z",
            "2024-04-30T23:59:59+07:00",
            "2024-01-01T00:00:00.100000000-23:59",
            "2024-01-01t00:00:00z",
            "1990-12-31T23:59:60Z",
            "1990-12-31T15:59:60-08:00",
            "1991-01-01T00:59:60.5+01:00",
            "2024-01-01T00:00:00-00:00",
        ] {
            assert!(is_timestamp(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in [
            "",
            "yesterday",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00Z",
            "2024-1-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-32T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
            "2024-01-01T12:00:60Z",
            "1990-12-31T23:59:60-08:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00,5Z",
            "2024-01-01T00:00:00+0700",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+07:60",
            "2024-01-01T00:00:00Zjunk",
            " 2024-01-01T00:00:00Z",
            "2024/01/01T00:00:00Z",
            "2024-01-01T00-00-00Z",
            "20240101T000000Z",
            "+024-01-01T00:00:00Z",
            "２024-01-01T00:00:00Z",
        ] {
            assert!(!is_timestamp(text), "{text}");
        }
    }
}
