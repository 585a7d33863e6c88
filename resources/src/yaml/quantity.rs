//! Sizes as Kubernetes writes them.

/// Reads a whole number of bytes such as `1048576`, `64Ki`, `10Gi` or `500M`.
///
/// Suffixes are those of Kubernetes: `Ki Mi Gi Ti Pi Ei` for powers of 1024 and `k M G T P E` for
/// powers of 1000. Fractions and exponents are not read. `None` when it is anything else, or more
/// than 64 bits hold.
///
/// ```
/// use sluicegate_resources::yaml::parse_quantity;
/// assert_eq!(parse_quantity("64Ki"), Some(65_536));
/// assert_eq!(parse_quantity("64KB"), None);
/// ```
pub fn parse_quantity(text: &str) -> Option<u64> {
    let digits_end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at_checked(digits_end)?;
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(factor(suffix)?)
}

fn factor(suffix: &str) -> Option<u64> {
    let (base, power) = match suffix {
        "" => (1, 0),
        "Ki" => (1024, 1),
        "Mi" => (1024, 2),
        "Gi" => (1024, 3),
        "Ti" => (1024, 4),
        "Pi" => (1024, 5),
        "Ei" => (1024, 6),
        "k" => (1000, 1),
        "M" => (1000, 2),
        "G" => (1000, 3),
        "T" => (1000, 4),
        "P" => (1000, 5),
        "E" => (1000, 6),
        _ => return None,
    };
    Some(u64::pow(base, power))
}

/// The shortest exact spelling with a power of 1024.
///
/// ```
/// use sluicegate_resources::yaml::show_quantity;
/// assert_eq!(show_quantity(65_536), "64Ki");
/// assert_eq!(show_quantity(65_537), "65537");
/// ```
pub fn show_quantity(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let mut number = bytes;
    let mut unit = 0;
    while number > 0 && number.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        number /= 1024;
        unit += 1;
    }
    format!("{number}{}", UNITS[unit])
}

/// What was probably meant: `10GB` is written `10G`, `64kib` is written `64Ki`.
pub(crate) fn suggest_quantity(text: &str) -> Option<String> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = text.get(digits.len()..)?.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix("bytes").unwrap_or(&unit);
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let suffix = match unit {
        "" => "",
        "k" => "k",
        "m" => "M",
        "g" => "G",
        "t" => "T",
        "ki" => "Ki",
        "mi" => "Mi",
        "gi" => "Gi",
        "ti" => "Ti",
        _ => return None,
    };
    let suggestion = format!("{digits}{suffix}");
    parse_quantity(&suggestion).map(|_| suggestion)
}
