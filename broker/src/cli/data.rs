//! Data for events: read from a file or standard input within a bound, and told apart.

use std::io::Read;

use super::exit::{Exit, Failure};

/// A larger file is refused: this is a hand tool, not a bulk loader.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// The content type that fits `data`: JSON when all of it is one JSON value, text when it is UTF-8,
/// else bytes.
pub fn content_type_of(data: &[u8]) -> &'static str {
    if serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok() {
        "application/json"
    } else if std::str::from_utf8(data).is_ok() {
        "text/plain"
    } else {
        "application/octet-stream"
    }
}

/// Reads all of the file at `path`, or of standard input when it is `-`. Reads on a thread of its
/// own, so that the terminal can still interrupt.
///
/// # Errors
///
/// When it cannot be read or holds more than [`FILE_BYTES_MAX`].
pub async fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let of_thread = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_blocking(&of_thread)).await;
    read.map_err(|error| cannot_read(path, &error))?
}

/// As [`read`], for commands that wait for nothing else.
///
/// # Errors
///
/// As [`read`].
pub fn read_blocking(path: &str) -> Result<Vec<u8>, Failure> {
    let bytes = read_bounded(path).map_err(|error| cannot_read(path, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(
            format!("{} is larger than {FILE_BYTES_MAX} bytes", shown_path(path)),
            "split it, and send the parts one after another",
        ));
    }
    Ok(bytes)
}

fn cannot_read(path: &str, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Exit::Failed,
        format!("cannot read {}: {why}", shown_path(path)),
        "check the path and its permissions, or give - for standard input",
    )
}

/// What people call the place.
pub fn shown_path(path: &str) -> &str {
    if path == "-" { "standard input" } else { path }
}

fn read_bounded(path: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX + 1;
    if path == "-" {
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?
            .take(limit)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// A fresh id: sorts by time, and is unique without asking anyone.
pub fn fresh_id(random: &mut fastrand::Rng) -> String {
    let millis = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
    ulid::Ulid::from_parts(millis, random.u128(..)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_told_apart() {
        for (data, content_type) in [
            (&b"{\"hello\":\"world\"}"[..], "application/json"),
            (b" [1, 2] ", "application/json"),
            (b"12", "application/json"),
            (b"{\"hello\"", "text/plain"),
            (b"hello", "text/plain"),
            (b"", "text/plain"),
            (b"\xff\xfe", "application/octet-stream"),
        ] {
            assert_eq!(content_type_of(data), content_type, "{data:?}");
        }
    }

    #[test]
    fn ids_are_fresh_and_sort_by_time() {
        let mut random = fastrand::Rng::with_seed(1);
        let (first, second) = (fresh_id(&mut random), fresh_id(&mut random));
        assert_ne!(first, second);
        assert_eq!(first.len(), 26);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let failure = read("/nowhere/at/all").await.unwrap_err();
        assert!(
            failure.message().unwrap().contains("/nowhere/at/all"),
            "{failure}"
        );
    }
}
